"""The roofline as a chart: each row by its FLOPs for a byte and its rate, under what the device reaches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from surgeon.profiler.results import ProfileResult
from surgeon.profiler.roofline import Roofline, RooflinePoint, roofline_of
from surgeon.report.page.axes import HEIGHT, WIDTH, Scale, frame, level, upright
from surgeon.report.page.parts import part_html, prose
from surgeon.report.roofline import roofline_parts

_ROOM = 1.6
_Total = tuple[str, str, float, float]
"""Class of the cross, name of the network, FLOP/byte, GFLOP/s."""
MISSING = (
    "The device's peak is not part of this result: --roofline measures it, --peak-gflops and --peak-bandwidth give it."
)


def roofline_html(result: ProfileResult, ids: dict[str, str], baseline: ProfileResult | None = None) -> str:
    """The chart and its tables, or why there is none.

    Args:
        result: A profile.
        ids: The id of the table's row for the key of each row of the network.
        baseline: What it is compared with: where all its rows together stand is drawn too.
    """
    if result.peak is None:
        return f"<p>{prose(MISSING)}</p>"
    roofline = roofline_of(result, result.peak)
    told = "".join(part_html(part) for part in roofline_parts(result))
    if not _placed(roofline.points):
        return told
    crosses = [("total", result.name, roofline.total)]
    if baseline is not None and baseline.peak == result.peak:
        crosses.append(("was", baseline.name, roofline_of(baseline, result.peak).total))
    legend = "".join(f'<li><b class="{kind}">+</b> {escape(name)} as a whole</li>' for kind, name, _ in crosses)
    totals = [(kind, name, x, y) for kind, name, total in crosses for _, x, y in _placed([total])]
    chart = f'{_chart(roofline, ids, totals)}<ul class="legend">{legend}</ul>'
    return f"{chart}<details><summary>roof and rows as tables</summary>{told}</details>"


def _placed(points: Iterable[RooflinePoint]) -> list[tuple[RooflinePoint, float, float]]:
    """What does FLOPs, with FLOP/byte and GFLOP/s: measured, or attainable where nothing was timed."""
    return [
        (one, one.intensity, one.flops / one.latency_ms / 1e6 if one.latency_ms else one.attainable_gflops)
        for one in points
        if one.flops and one.intensity
    ]


def _chart(roofline: Roofline, ids: dict[str, str], totals: Sequence[_Total]) -> str:
    """The rows as dots, whole networks as crosses."""
    drawn, peak = _placed(roofline.points), roofline.peak
    intensities = [*(x for _, x, _ in drawn), *(x for *_, x, _ in totals), peak.ridge]
    rates = [*(y for *_, y in drawn), *(y for *_, y in totals), peak.gflops]
    across = level(min(intensities) / _ROOM, max(intensities) * _ROOM, logarithmic=True)
    along = upright(min(rates) / _ROOM, max(rates) * _ROOM, logarithmic=True)
    timed = any(one.latency_ms is not None for one in roofline.points)
    rate = "GFLOP/s, measured" if timed else "GFLOP/s at best (rows were not timed)"
    dots = "".join(_dot(one, across.at(x), along.at(y), ids) for one, x, y in drawn)
    dots += "".join(_cross(across.at(x), along.at(y), kind, name) for kind, name, x, y in reversed(totals))
    state = "fused" if roofline.fused else "unfused"
    return (
        f'<svg class="chart roof" role="img" viewBox="0 0 {WIDTH} {HEIGHT}" aria-label="Roofline, {state}, '
        f'{escape(roofline.dtype)}: {peak.gflops:,.1f} GFLOP/s and {peak.bandwidth_gbs:,.1f} GB/s; rows in the table">'
        f"{frame(across, along, ('FLOP for each byte moved', rate))}{_roof(roofline, across, along)}{dots}</svg>"
    )


def _roof(roofline: Roofline, across: Scale, along: Scale) -> str:
    """The slope of the memory up to the ridge, then the peak; cut at the chart's lower edge."""
    peak = roofline.peak
    start = max(across.low, along.low / peak.bandwidth_gbs)
    points = ((start, start * peak.bandwidth_gbs), (peak.ridge, peak.gflops), (across.high, peak.gflops))
    line = " ".join(f"{across.at(x):.1f},{along.at(y):.1f}" for x, y in points)
    return f'<polyline class="line" points="{line}"/>'


def _dot(one: RooflinePoint, x: float, y: float, ids: dict[str, str]) -> str:
    section = one.site.partition(".")[0]
    kind = section if section in ("backbone", "head") else "body"
    told = f' data-row="{ids[one.key]}"' if one.key in ids else ""
    title = "" if told else f"<title>{escape(f'{one.index} {one.kind}')}</title>"
    size = 3.5 + 1.5 * one.planted
    return (
        f'<circle class="dot {kind}{" added" if one.planted else ""}"{told} cx="{x:.1f}" cy="{y:.1f}" r="{size}">'
        f"{title}</circle>"
    )


def _cross(x: float, y: float, kind: str, name: str) -> str:
    return f'<path class="dot {kind}" d="M{x - 6:.1f} {y:.1f}h12m-6 -6v12"><title>{escape(name)}</title></path>'
