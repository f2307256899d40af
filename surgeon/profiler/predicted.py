"""What the network that is timed does and holds, found without running it: the deployed (fused) one, in its type."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from surgeon.errors import MeasurementError
from surgeon.graph.layer import LayerGraph
from surgeon.profiler.figures import FusedCounts
from surgeon.profiler.flops.count import ModelCount, count
from surgeon.profiler.inputs import Forward
from surgeon.profiler.results import ActivationMemory
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.subject import Subject, deployed
from surgeon.profiler.widths import bytes_in


def count_deployed(
    subject: Subject, settings: ProfileSettings, as_trained: ModelCount, forward: Forward | None = None
) -> tuple[ModelCount | None, FusedCounts | None]:
    """Count the network as it is timed; None where that cannot be counted (whether it runs, timing will tell).

    The second are its figures where it is fused.

    Args:
        subject: The network.
        settings: Image size, batch, and whether it is fused.
        as_trained: Its count as trained, which is the answer where nothing fuses it.
        forward: How to run it, default ``module(image)``.

    Raises:
        MeasurementError: The network cannot be fused.
    """
    if not settings.fused or subject.prepare is None:
        return as_trained, None
    network = deployed(subject, replace(settings, device="cpu", dtype="float32"))
    try:
        found = count(network, subject.graph, settings.imgsz, settings.batch, forward=forward)
    except MeasurementError:
        return None, None
    return found, _fused(subject.module, as_trained, network, found)


def _fused(module: nn.Module, as_trained: ModelCount, network: nn.Module, found: ModelCount) -> FusedCounts:
    before, after = (sum(p.numel() for p in one.parameters()) for one in (module, network))
    normal = sum(p.numel() for m in module.modules() if isinstance(m, _BatchNorm) for p in m.parameters())
    plain = before - normal <= after <= before and found.counts.macs == as_trained.counts.macs
    return FusedCounts(params=after, macs=found.counts.macs, folds=not plain)


LAYOUT_COPIES = frozenset(
    {"clone", "copy_", "_to_copy", "contiguous", "_reshape_copy", "im2col", "col2im"}
    | {"pixel_shuffle", "pixel_unshuffle", "native_channel_shuffle"}
)
"""Operators that compute nothing and put a map into another order in memory."""


@dataclass(slots=True)
class DeployedRow:
    """What a row runs as it is timed.

    Attributes:
        flops: 2 × executed MACs + elementwise FLOPs.
        moved_bytes: Bytes read and written, in float32.
        operators: Calls of operators, views excluded.
        layout_bytes: What of the bytes copies into another layout move.
    """

    flops: int = 0
    moved_bytes: int = 0
    operators: int = 0
    layout_bytes: int = 0


def deployed_rows(counted: ModelCount | None) -> dict[str, DeployedRow]:
    """What each row runs, by its path; empty where the deployed network was not counted.

    Args:
        counted: The count of the deployed network.
    """
    rows: dict[str, DeployedRow] = {}
    for tally in () if counted is None else counted.tallies:
        row = rows.setdefault(tally.row, DeployedRow())
        for operator, (calls, macs, elementwise, read, written) in tally.operators.items():
            row.flops += 2 * macs + elementwise
            row.moved_bytes += read + written
            row.operators += calls
            if operator in LAYOUT_COPIES:
                row.layout_bytes += read + written
    return rows


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
