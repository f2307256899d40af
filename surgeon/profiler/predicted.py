"""What the network that is timed does and holds, found without running it: the deployed (fused) one, in its type."""

from __future__ import annotations

from dataclasses import replace

from surgeon.errors import MeasurementError
from surgeon.graph.layer import LayerGraph
from surgeon.profiler.flops.count import ModelCount, count
from surgeon.profiler.inputs import Forward
from surgeon.profiler.results import ActivationMemory
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.subject import Subject, deployed
from surgeon.profiler.widths import bytes_in


def count_deployed(
    subject: Subject, settings: ProfileSettings, as_trained: ModelCount, forward: Forward | None = None
) -> ModelCount | None:
    """Count the network as it is timed; None where that cannot be counted (whether it runs, timing will tell).

    Args:
        subject: The network.
        settings: Image size, batch, and whether it is fused.
        as_trained: Its count as trained, which is the answer where nothing fuses it.
        forward: How to run it, default ``module(image)``.

    Raises:
        MeasurementError: The network cannot be fused.
    """
    if not settings.fused or subject.prepare is None:
        return as_trained
    network = deployed(subject, replace(settings, device="cpu", dtype="float32"))
    try:
        return count(network, subject.graph, settings.imgsz, settings.batch, forward=forward)
    except MeasurementError:
        return None


def activation_of(counted: ModelCount | None, graph: LayerGraph, dtype: str) -> ActivationMemory | None:
    """Predicted activation memory, from below: what an operator allocates inside itself is not seen.

    Args:
        counted: The count of the network, None for no prediction.
        graph: Its rows.
        dtype: Type of the network.
    """
    if counted is None:
        return None
    held = counted.memory()
    keys = {layer.path: layer.key for layer in graph}
    return ActivationMemory(
        peak_bytes=bytes_in(dtype, held.peak_bytes),
        sum_bytes=bytes_in(dtype, held.sum_bytes),
        peak_row=keys.get(held.peak_row or ""),
        row_peaks={keys[path]: bytes_in(dtype, size) for path, size in held.row_peaks.items() if path in keys},
    )
