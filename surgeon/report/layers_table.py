"""The rows of one network as a table whose columns add up to the totals in its last row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from surgeon.profiler.results import LayerProfile, ProfileResult
from surgeon.report import units
from surgeon.report.rows_tables import shared, sources, unit_of
from surgeon.report.tables import Bar, Column, Emphasis, Row, Table

_LABELS = (
    Column(title="site", wide=True),
    Column(title="module", shrink_to=12, signed=True),
    Column(title="from", shrink_to=8, drop=1),
    Column(title="out shape", drop=1),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figures:
    """What a row, the whole network, or the rest between them costs."""

    params: int
    macs: int
    executed: int
    elementwise_macs: int
    latency_ms: float | None
    plus_minus_ms: float | None = None
    busy_ms: float | None = None


@dataclass(frozen=True, slots=True)
class _Measure:
    """A column of figures."""

    column: Column
    text: Callable[[_Figures], str]


def layers_table(result: ProfileResult) -> Table:
    """The rows of a network: label, figures, share of the time (of the MACs where rows were not timed)."""
    total, unit = _total(result), unit_of(result.layers)
    figures = [_of(row) for row in result.layers]
    rest = _rest(result, total, figures)
    timed = total.latency_ms is not None and any(one.latency_ms is not None for one in figures)
    measures = _measures([*figures, rest, total], timed, _weight(total, timed), total.macs)
    top = max((_weight(one, timed) for one in figures), default=0.0) or 1.0
    rows = [
        _row(
            (str(row.index), row.site, row.kind, sources(row.inputs), units.shape(row.out_shape)),
            measures,
            one,
            Bar(_weight(one, timed) / top),
            Emphasis.ADDED if row.planted else Emphasis.NORMAL,
        )
        for row, one in zip(result.layers, figures, strict=True)
    ]
    if any((rest.params, rest.macs, rest.executed, rest.elementwise_macs, rest.latency_ms)):
        rows.append(_row(("", "", f"outside {unit}s", "", ""), measures, rest, "", Emphasis.NORMAL))
    rows.append(_row(("", "", "total", "", ""), measures, total, "", Emphasis.TOTAL))
    bar = Column(title="share", role="bar", drop=2)
    return Table(
        title=f"layers, {shared(result, timed)}",
        columns=(Column(title=unit, role="number"), *_LABELS, *(measure.column for measure in measures), bar),
        rows=tuple(rows),
    )


def _measures(shown: list[_Figures], timed: bool, whole: float, macs: int) -> list[_Measure]:
    """The figure columns that this network needs."""

    def number(title: str, text: Callable[[_Figures], str], *, wide: bool = False) -> _Measure:
        return _Measure(Column(title=title, role="number", wide=wide), text)

    measures = [
        number("params", lambda one: units.count(one.params)),
        number("GFLOPs", lambda one: units.gflops_brief(one.macs)),
    ]
    if any(one.executed != one.macs for one in shown):
        measures.append(number("executed", lambda one: units.gflops_brief(one.executed)))
    if any(one.elementwise_macs for one in shown):
        measures.append(number("elementw.", lambda one: units.gflops_brief(one.elementwise_macs)))
    if timed:
        measures.append(number("ms", lambda one: units.ms_brief(one.latency_ms)))
    if any(one.plus_minus_ms is not None for one in shown):
        measures.append(number("± ms", lambda one: units.ms_brief(one.plus_minus_ms), wide=True))
    if any(one.busy_ms is not None for one in shown):
        measures.append(number("busy ms", lambda one: units.ms_brief(one.busy_ms)))
    if timed:
        measures.append(number("% time", lambda one: _share(_weight(one, True), whole), wide=True))
    measures.append(number("% GFLOPs", lambda one: _share(one.macs, macs), wide=True))
    return measures


def _row(
    labels: tuple[str, ...], measures: list[_Measure], figures: _Figures, bar: Bar | str, emphasis: Emphasis
) -> Row:
    return Row(cells=(*labels, *(measure.text(figures) for measure in measures), bar), emphasis=emphasis)


def _share(part: float, whole: float) -> str:
    return units.percent_brief(part / (whole or 1.0))


def _weight(figures: _Figures, timed: bool) -> float:
    return (figures.latency_ms or 0.0) if timed else float(figures.macs)


def _of(row: LayerProfile) -> _Figures:
    return _Figures(
        params=row.params,
        macs=row.macs,
        executed=row.executed,
        elementwise_macs=row.elementwise_macs,
        latency_ms=row.latency_ms,
        plus_minus_ms=row.latency_plus_minus_ms,
        busy_ms=row.kernel_busy_ms,
    )


def _total(result: ProfileResult) -> _Figures:
    """The network's own figures."""
    gpu = result.latency.gpu if result.latency else None
    return _Figures(
        params=result.params,
        macs=result.counts.macs,
        executed=result.counts.executed,
        elementwise_macs=sum(result.counts.elementwise_macs.values()),
        latency_ms=result.latency.median_ms if result.latency else None,
        busy_ms=gpu.kernel_busy_ms if gpu else None,
    )


def _rest(result: ProfileResult, total: _Figures, rows: list[_Figures]) -> _Figures:
    """What belongs to no row: the total minus the rows, and the time between them."""
    return _Figures(
        params=total.params - sum(one.params for one in rows),
        macs=total.macs - sum(one.macs for one in rows),
        executed=total.executed - sum(one.executed for one in rows),
        elementwise_macs=total.elementwise_macs - sum(one.elementwise_macs for one in rows),
        latency_ms=result.unattributed_ms,
    )
