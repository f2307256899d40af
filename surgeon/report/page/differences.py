"""The paired differences as a chart: how much slower or faster each pair found the candidate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from surgeon.profiler.results import PairedLatency
from surgeon.report import units
from surgeon.report.page.axes import HEIGHT, WIDTH, Scale, frame, level, upright
from surgeon.report.page.parts import table_html
from surgeon.report.tables import Column, Row, Table

_BINS = 31
_SAME = 0.01
_QUANTILES = (("least", 0.0), ("5 %", 0.05), ("25 %", 0.25), ("median", 0.5), ("75 %", 0.75), ("95 %", 0.95))
_FEWEST = 5


def differences_html(paired: PairedLatency, label: str) -> str:
    """A histogram of the pairs with median, interval and the band that counts as the same; then the quantiles.

    Args:
        paired: The measurement.
        label: The candidate's name.
    """
    changes = sorted(math.exp(one) - 1 for one in paired.log_ratios if math.isfinite(one))
    if len(changes) < _FEWEST:
        return f"<p>{escape(units.plural(len(changes), 'pair'))}: too few for a distribution.</p>"
    return f"{_chart(paired, changes, label)}{_legend(paired)}{_quantiles(changes)}"


def _chart(paired: PairedLatency, changes: Sequence[float], label: str) -> str:
    low, high = _range(paired, changes)
    across = level(100 * low, 100 * high)
    counts = [0] * _BINS
    shown = [one for one in changes if low <= one <= high]
    for one in shown:
        counts[min(_BINS - 1, int((one - low) / (high - low) * _BINS))] += 1
    along = upright(0, max(counts) * 1.08, whole=True)
    told = f"{label}: {_median(paired)}, verdict {paired.verdict}, {units.plural(paired.pairs, 'pair')}"
    outside = len(changes) - len(shown)
    beyond = f"<p><small>{units.plural(outside, 'pair')} beyond the drawn range.</small></p>" if outside else ""
    return (
        f'<svg class="chart pairs" role="img" viewBox="0 0 {WIDTH} {HEIGHT}" aria-label="{escape(told)}">'
        f"{_bands(paired, across, along)}"
        f"{frame(across, along, ('candidate against baseline in one pair, %', 'pairs'))}"
        f"{_columns(counts, across, along)}{_lines(paired, across, along)}</svg>{beyond}"
    )


def _range(paired: PairedLatency, changes: Sequence[float]) -> tuple[float, float]:
    """The middle of the pairs, no difference, and the interval, with some room."""
    ends = [_quantile(changes, 0.02), _quantile(changes, 0.98), -_SAME, _SAME, paired.ratio - 1]
    ends += [paired.ratio_low - 1, paired.ratio_high - 1] if _bounded(paired) else []
    room = 0.05 * (max(ends) - min(ends))
    return min(ends) - room, max(ends) + room


def _columns(counts: Sequence[int], across: Scale, along: Scale) -> str:
    width = (across.end - across.start) / len(counts)
    return "".join(
        f'<rect class="column" x="{across.start + number * width + 0.5:.1f}" y="{along.at(count):.1f}" '
        f'width="{width - 1:.1f}" height="{along.start - along.at(count):.1f}"/>'
        for number, count in enumerate(counts)
        if count
    )


def _bands(paired: PairedLatency, across: Scale, along: Scale) -> str:
    """The band in which a difference counts as the same, and the interval of the median."""
    bands = [("same", 1 - _SAME, 1 + _SAME)]
    bands += [("interval", paired.ratio_low, paired.ratio_high)] if _bounded(paired) else []
    return "".join(
        f'<rect class="{name}" x="{across.at(100 * (a - 1)):.1f}" y="{along.end}" '
        f'width="{across.at(100 * b) - across.at(100 * a):.1f}" height="{along.start - along.end}"/>'
        for name, a, b in bands
    )


def _lines(paired: PairedLatency, across: Scale, along: Scale) -> str:
    return "".join(
        f'<path class="{name}" d="M{across.at(100 * value):.1f} {along.end}V{along.start}"/>'
        for name, value in (("none", 0.0), ("median", paired.ratio - 1))
    )


def _legend(paired: PairedLatency) -> str:
    interval = ""
    if _bounded(paired):
        low, high = (units.percent(bound - 1, signed=True) for bound in (paired.ratio_low, paired.ratio_high))
        interval = f'<li><i class="sw interval"></i>its 95 % interval, {low} to {high}</li>'
    return (
        f'<ul class="legend"><li><i class="sw median"></i>median {_median(paired)}</li>{interval}'
        f'<li><i class="sw same"></i>within 1 %: same</li><li><i class="sw none"></i>no difference</li></ul>'
    )


def _quantiles(changes: Sequence[float]) -> str:
    columns = (Column(title="of the pairs"), Column(title="difference", role="number"))
    ends = (*_QUANTILES, ("most", 1.0))
    rows = tuple(Row(cells=(name, units.percent(_quantile(changes, at), signed=True))) for name, at in ends)
    table = Table(title="quantiles of the paired differences", columns=columns, rows=rows)
    return f"<details><summary>as a table</summary>{table_html(table, classes='plain')}</details>"


def _median(paired: PairedLatency) -> str:
    return units.percent(paired.ratio - 1, signed=True)


def _bounded(paired: PairedLatency) -> bool:
    return paired.ratio_low > 0 and math.isfinite(paired.ratio_high)


def _quantile(ordered: Sequence[float], at: float) -> float:
    """Linear between the two nearest of ordered values."""
    place = at * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])
