"""Exact MACs of one forward pass, in total and by row.

The pass runs at the true image size on a copy without data (meta tensors), so it costs milliseconds and no memory. A
network that looks at its data falls back to a real pass on the CPU. What this does not do: extrapolate, fuse, or
touch the model that it was given.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from surgeon.errors import MeasurementError
from surgeon.graph.layer import LayerGraph
from surgeon.profiler.flops.copies import cpu_copy, meta_copy
from surgeon.profiler.flops.formulas import Formula, default_formulas
from surgeon.profiler.flops.ledger import OUTSIDE, Ledger, Tally
from surgeon.profiler.flops.mode import CountingMode
from surgeon.profiler.flops.tracking import Shapes, tracked
from surgeon.profiler.inputs import Forward, input_channels
from surgeon.profiler.results import Counts

_QUICK = 15_000_000 * 640 * 640
"""Parameters × pixels below which a pass takes less time than the imports of the meta device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCount:
    """What one row costs at batch B.

    Attributes:
        macs, executed: As in `Counts`.
        elementwise_macs: Elementwise work of definitions in this row, by name.
        out_shape: Output shape at the counted size, None where the output is no single tensor or the row did not run.
    """

    macs: int
    executed: int
    elementwise_macs: Mapping[str, int]
    out_shape: tuple[int, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCount:
    """What a network costs.

    Attributes:
        counts: Totals. They are the sum over ``rows`` plus ``outside``.
        rows: By module path of the row.
        outside: What ran in no row.
        counted_on: ``meta``, or ``cpu`` where the network had to be run.
    """

    counts: Counts
    rows: Mapping[str, RowCount]
    outside: RowCount
    counted_on: str


def count(
    module: nn.Module,
    graph: LayerGraph,
    imgsz: tuple[int, int],
    batch: int = 1,
    *,
    forward: Forward | None = None,
    formulas: Mapping[str, Formula] | None = None,
    hurry: bool = False,
) -> ModelCount:
    """Count one forward pass of the network as trained, in eval mode.

    Args:
        module: The network. It is only read: counting happens on a copy.
        graph: Its rows; an operator is booked on the row whose module runs it.
        imgsz: Image size ``(H, W)`` in pixels.
        batch: Batch size B.
        forward: How to run it, default ``module(image)``.
        formulas: MAC formulas by operator name, default `default_formulas`.
        hurry: Run a small network in earnest, which gives the same counts, where the meta device would first import
            PyTorch's compiler.

    Raises:
        MeasurementError: The network cannot be copied, or cannot run at this size.
    """
    shape = (batch, input_channels(module), *imgsz)
    table = default_formulas() if formulas is None else formulas
    run = forward or (lambda network, image: network(image))
    try:
        if hurry and _is_quick(module, shape) and "torch._dynamo" not in sys.modules:
            image = torch.rand(shape, generator=torch.Generator().manual_seed(0))
            return _counted(cpu_copy(module), graph, image, run, table)
        copied = meta_copy(module)
        image = torch.empty(shape, device="meta")
        return _counted(copied, graph, image, run, table)
    except Exception:  # whatever meta tensors cannot do, a real pass can: its own error is the one to report
        copied = cpu_copy(module)
    image = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    try:
        return _counted(copied, graph, image, run, table)
    except Exception as error:
        raise MeasurementError(
            f"{graph.name} cannot run on images of {imgsz[0]}x{imgsz[1]} pixels, so it cannot be counted: {error}"
        ) from error


def _is_quick(module: nn.Module, shape: tuple[int, int, int, int]) -> bool:
    batch, _, height, width = shape
    return sum(p.numel() for p in module.parameters()) * batch * height * width <= _QUICK


def _counted(
    network: nn.Module, graph: LayerGraph, image: Tensor, run: Forward, formulas: Mapping[str, Formula]
) -> ModelCount:
    """Run a copy once under the counting mode."""
    paths = [layer.path for layer in graph]
    ledger = Ledger(paths)
    shapes: Shapes = dict.fromkeys(paths)
    mode = CountingMode(ledger, formulas, meta=image.is_meta)
    with (
        torch.random.fork_rng(devices=[]),
        _without_fast_attention(),
        torch.no_grad(),
        tracked(network, ledger, shapes),
        mode,
    ):
        run(network, image)
    rows = {path: _row(ledger.tallies[path], shapes[path]) for path in paths}
    outside = _row(ledger.tallies[OUTSIDE], None)
    return ModelCount(
        counts=_totals((*rows.values(), outside), tuple(ledger.uncounted)),
        rows=rows,
        outside=outside,
        counted_on=image.device.type,
    )


def _row(tally: Tally, out_shape: tuple[int, ...] | None) -> RowCount:
    return RowCount(
        macs=tally.macs, executed=tally.executed, elementwise_macs=dict(tally.elementwise), out_shape=out_shape
    )


def _totals(rows: tuple[RowCount, ...], uncounted: tuple[str, ...]) -> Counts:
    elementwise: dict[str, int] = {}
    for row in rows:
        for name, amount in row.elementwise_macs.items():
            elementwise[name] = elementwise.get(name, 0) + amount
    return Counts(
        macs=sum(row.macs for row in rows),
        executed=sum(row.executed for row in rows),
        elementwise_macs=elementwise,
        uncounted=uncounted,
    )


@contextmanager
def _without_fast_attention() -> Iterator[None]:
    """Keep ``nn.MultiheadAttention`` off its fused CPU path, which hides its matrix products."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
