"""Exact MACs of one forward pass, in total, by row, by module and by operator.

The pass runs at the true image size on a twin without data (meta tensors), so it costs milliseconds and no memory. A
network that looks at its data falls back to a real pass on the CPU. What this does not do: extrapolate, fuse, or
touch the model that it was given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import nn

from surgeon.graph.layer import LayerGraph
from surgeon.profiler.flops.formula import Formula
from surgeon.profiler.flops.ledger import OUTSIDE, Tally
from surgeon.profiler.flops.liveness import Liveness, MemoryLog
from surgeon.profiler.flops.passes import Pass, Passes
from surgeon.profiler.inputs import Forward, input_channels
from surgeon.profiler.results import Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCount:
    """What one row costs at batch B.

    Attributes:
        macs, executed: As in `Counts`.
        elementwise_macs: Elementwise work of definitions in this row, by name.
        elementwise_flops: FLOPs of its operators that have no MACs.
        read_bytes, written_bytes: What its operators read and wrote, in float32.
        out_shape: Output shape at the counted size, None where the output is no single tensor or the row did not run.
    """

    macs: int
    executed: int
    elementwise_macs: Mapping[str, int]
    elementwise_flops: int
    read_bytes: int
    written_bytes: int
    out_shape: tuple[int, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCount:
    """What a network costs.

    Attributes:
        counts: Totals. They are the sum over ``rows`` plus ``outside``.
        rows: By module path of the row.
        outside: What ran in no row.
        tallies: What each module ran itself, submodules apart, by operator; their sum is the total as well.
        held: What the pass held in memory; see `memory`.
        counted_on: ``meta``, or ``cpu`` where the network had to be run.
    """

    counts: Counts
    rows: Mapping[str, RowCount]
    outside: RowCount
    tallies: tuple[Tally, ...]
    held: MemoryLog
    counted_on: str

    def memory(self) -> Liveness:
        """What the pass held in memory, in float32, rows by their path (``""`` for none)."""
        return self.held.summary()

    def by_operator(self) -> dict[str, int]:
        """MACs that ran, by operator; their sum is ``counts.executed``."""
        sums: dict[str, int] = {}
        for tally in self.tallies:
            for operator, (_, macs, *_rest) in tally.operators.items():
                sums[operator] = sums.get(operator, 0) + macs
        return sums

    def by_module(self) -> dict[str, int]:
        """MACs that ran in each module, its submodules included; ``""`` is the network, with the total."""
        sums: dict[str, int] = {"": 0}
        for tally in self.tallies:
            sums[""] += tally.executed
            parts = tally.path.split(".") if tally.path else []
            for end in range(1, len(parts) + 1):
                path = ".".join(parts[:end])
                sums[path] = sums.get(path, 0) + tally.executed
        return sums


def count(
    module: nn.Module,
    graph: LayerGraph,
    imgsz: tuple[int, int],
    batch: int = 1,
    *,
    forward: Forward | None = None,
    formulas: Mapping[str, Formula] | None = None,
    operators_only: bool = False,
) -> ModelCount:
    """Count one forward pass of the network as trained, in eval mode.

    Args:
        module: The network. It is only read: counting happens on a copy.
        graph: Its rows; an operator is booked on the row whose module runs it.
        imgsz: Image size ``(H, W)`` in pixels.
        batch: Batch size B.
        forward: How to run it, default ``module(image)``.
        formulas: MAC formulas by operator name, default `default_formulas`.
        operators_only: Leave the rules for functions out and see every operator: slower, for the same counts.

    Raises:
        MeasurementError: The network cannot be copied, or cannot run at this size.
    """
    rows = [layer.path for layer in graph]
    with Passes(
        module, name=graph.name, rows=rows, forward=forward, formulas=formulas, operators_only=operators_only
    ) as passes:
        return count_of(passes.run((batch, input_channels(module), *imgsz)), rows)


def count_of(seen: Pass, rows: Iterable[str]) -> ModelCount:
    """What one pass of a network cost.

    Args:
        seen: The pass.
        rows: Module paths of the network's rows.
    """
    of_row: dict[str, list[Tally]] = {path: [] for path in (OUTSIDE, *rows)}
    for tally in seen.tallies:
        of_row[tally.row].append(tally)
    counted = {path: _row(of_row[path], seen.shapes[path]) for path in of_row if path != OUTSIDE}
    outside = _row(of_row[OUTSIDE], None)
    return ModelCount(
        counts=_totals((*counted.values(), outside), seen.uncounted),
        rows=counted,
        outside=outside,
        tallies=seen.tallies,
        held=seen.held,
        counted_on=seen.device,
    )


def _row(tallies: Iterable[Tally], out_shape: tuple[int, ...] | None) -> RowCount:
    macs = executed = elementwise = read = written = 0
    named: dict[str, int] = {}
    for tally in tallies:
        macs += tally.macs
        executed += tally.executed
        elementwise += tally.elementwise
        read += tally.read
        written += tally.written
        for name, amount in tally.named.items():
            named[name] = named.get(name, 0) + amount
    return RowCount(
        macs=macs,
        executed=executed,
        elementwise_macs=named,
        elementwise_flops=elementwise,
        read_bytes=read,
        written_bytes=written,
        out_shape=out_shape,
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
