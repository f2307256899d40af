"""The rows of a comparison as a table: what was added, removed, changed, rewired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from surgeon.profiler.results import LayerProfile, ProfileResult
from surgeon.report import units
from surgeon.report.alignment import IMAGE_INDEX, RowPair, align
from surgeon.report.tables import Bar, Cell, Column, Emphasis, Row, Table
from surgeon.report.units import NOTHING

_COLUMNS = (
    Column(title="was", role="number"),
    Column(title="module", shrink_to=12, signed=True),
    Column(title="from", shrink_to=10),
    Column(title="out shape", drop=1),
    Column(title="params", role="number"),
    Column(title="GFLOPs", role="number"),
    Column(title="ms", role="number"),
    Column(title="share", role="bar", drop=3),
    Column(title="delta params", role="number", wide=True),
    Column(title="delta GFLOPs", role="number", wide=True),
)
_CHANGE = Column(title="change", shrink_to=7, wrap=True, drop=2)


def changed_rows(
    baseline: ProfileResult,
    candidate: ProfileResult,
    renames: Mapping[str, str],
    *,
    label: str,
    all_rows: bool = False,
) -> Table:
    """The rows of the candidate that differ from the baseline's.

    Args:
        baseline: What to compare with.
        candidate: Whose rows are shown, its removed ones included.
        renames: Map baseline row key → candidate row key, empty where unknown.
        label: The candidate's name.
        all_rows: Show the equal rows too.
    """
    pairs = align(baseline.layers, candidate.layers, renames)
    changed = [pair for pair in pairs if pair.status is not Emphasis.NORMAL]
    worded = any(_worded(pair) for pair in pairs)
    timed = any(row.latency_ms for row in candidate.layers)
    top = max((_weight(row, timed) for row in (*candidate.layers, *baseline.layers)), default=0.0) or 1.0
    unit = unit_of(candidate.layers)
    columns = (Column(title=unit, role="number"), *_COLUMNS, *([_CHANGE] if worded else []))
    table = Table(
        title=f"{_title(unit, len(changed), len(pairs), label, all_rows)}, {shared(candidate, timed)}",
        columns=columns,
        rows=tuple(_row(pair, timed, top, worded) for pair in (pairs if all_rows else changed)),
    )
    if all_rows:
        table = replace(table, rows=(*table.rows, _total(baseline, candidate, worded)))
    times = zip(table.column("ms"), table.rows, strict=True)
    known = any(cell != NOTHING for cell, row in times if row.emphasis is not Emphasis.TOTAL)
    return table if known else table.without("ms")


def shared(result: ProfileResult, timed: bool) -> str:
    """What the bars of its rows are a share of: time, and GFLOPs where the rows were not timed."""
    if timed:
        return "share of the latency"
    wanted = result.settings.latency and result.settings.row_latency
    return f"share of the GFLOPs{' (rows not timed)' if wanted else ''}"


def sources(indices: tuple[int, ...]) -> str:
    """Rows that a row reads: ``15,18,21``."""
    return ",".join("image" if index == IMAGE_INDEX else str(index) for index in indices) or NOTHING


def unit_of(layers: Sequence[LayerProfile]) -> str:
    """What the layers of a network are called: rows of its description, or stages, whose keys are their addresses."""
    return "stage" if layers and all(layer.key == layer.site for layer in layers) else "row"


def _title(unit: str, changed: int, total: int, label: str, all_rows: bool) -> str:
    if all_rows:
        return f"every {unit} of {label} ({changed} of {total} changed)"
    return f"{unit}s of {label} that changed ({changed} of {total}; --all for every {unit})"


def _row(pair: RowPair, timed: bool, top: float, worded: bool) -> Row:
    shown = pair.after or pair.before
    assert shown is not None
    gone = pair.after is None
    cells: tuple[Cell, ...] = (
        "gone" if gone else str(shown.index),
        str(pair.before.index) if pair.before else "new",
        _kind(pair),
        _wiring(pair),
        units.shape(shown.out_shape),
        units.parameters(shown.params),
        units.gflops_brief(shown.macs),
        units.ms_brief(shown.latency_ms),
        Bar(_weight(shown, timed) / top),
        units.change(_of(pair.after, "params"), _of(pair.before, "params"), units.parameters),
        units.change(_of(pair.after, "macs"), _of(pair.before, "macs"), units.gflops),
    )
    return Row(cells=(*cells, _worded(pair)) if worded else cells, emphasis=pair.status)


def _total(baseline: ProfileResult, candidate: ProfileResult, worded: bool) -> Row:
    """The network's own figures, with what belongs to no row."""
    macs, was = candidate.counts.macs, baseline.counts.macs
    cells: tuple[Cell, ...] = (
        "",
        "",
        "total",
        "",
        "",
        units.parameters(candidate.params),
        units.gflops_brief(macs),
        units.ms_brief(candidate.latency.median_ms if candidate.latency else None),
        "",
        units.change(candidate.params, baseline.params, units.parameters),
        units.change(macs, was, units.gflops),
    )
    return Row(cells=(*cells, "") if worded else cells, emphasis=Emphasis.TOTAL)


def _worded(pair: RowPair) -> str:
    """What changed, but for what other columns show: kind and inputs."""
    return ", ".join(name for name in pair.changes if name not in ("kind", "inputs"))


def _of(row: LayerProfile | None, name: str) -> int:
    """A figure of a row, 0 where the network has no such row."""
    return 0 if row is None else int(getattr(row, name))


def _weight(row: LayerProfile, timed: bool) -> float:
    """What the bar shows: time where there is one, else MACs."""
    return (row.latency_ms or 0.0) if timed else float(row.macs)


def _kind(pair: RowPair) -> str:
    """``GAM``, or ``SPPF->GAM`` where one replaced the other."""
    if pair.before and pair.after and pair.before.kind != pair.after.kind:
        return f"{pair.before.kind}->{pair.after.kind}"
    row = pair.after or pair.before
    return row.kind if row else NOTHING


def _wiring(pair: RowPair) -> str:
    """What the row reads; ``9->10`` where it read row 9 (today's number) and now reads 10."""
    if pair.after is None:
        return NOTHING
    if pair.before is None or len(pair.expected_inputs) != len(pair.after.inputs):
        return sources(pair.after.inputs)
    return ",".join(
        sources((now,)) if was == now else f"{'' if was is None else sources((was,))}->{sources((now,))}"
        for was, now in zip(pair.expected_inputs, pair.after.inputs, strict=True)
    )
