"""The roofline as a chart: each row by its FLOPs for a byte and its rate, under what the device reaches."""

from __future__ import annotations

from html import escape

from surgeon.profiler.results import ProfileResult
from surgeon.profiler.roofline import Roofline, RooflinePoint, roofline_of
from surgeon.report.page.axes import HEIGHT, WIDTH, Scale, frame, level, upright
from surgeon.report.page.parts import part_html
from surgeon.report.roofline import roofline_parts

_ROOM = 1.6
MISSING = (
    "The device's peak is not part of this result: surgeon profile MODEL --roofline measures it, "
    "--peak-gflops and --peak-bandwidth give it."
)


def roofline_html(result: ProfileResult, ids: dict[str, str]) -> str:
    """The chart and its tables, or why there is none.

    Args:
        result: A profile.
        ids: The id of the table's row for the key of each row of the network.
    """
    if result.peak is None:
        return f"<p>{escape(MISSING)}</p>"
    roofline = roofline_of(result, result.peak)
    told = "".join(part_html(part) for part in roofline_parts(result))
    if not _drawable(roofline):
        return told
    return f"{_chart(roofline, ids)}<details><summary>roof and rows as tables</summary>{told}</details>"


def _drawable(roofline: Roofline) -> list[tuple[RooflinePoint, float, float]]:
    """The rows that do FLOPs, with FLOP/byte and GFLOP/s: measured, or attainable where nothing was timed."""
    return [
        (one, one.intensity, one.flops / one.latency_ms / 1e6 if one.latency_ms else one.attainable_gflops)
        for one in (*roofline.points, roofline.total)
        if one.flops and one.intensity
    ]


def _chart(roofline: Roofline, ids: dict[str, str]) -> str:
    drawn, peak = _drawable(roofline), roofline.peak
    intensities = [x for _, x, _ in drawn] + [peak.ridge]
    rates = [y for _, _, y in drawn] + [peak.gflops]
    across = level(min(intensities) / _ROOM, max(intensities) * _ROOM, logarithmic=True)
    along = upright(min(rates) / _ROOM, max(rates) * _ROOM, logarithmic=True)
    timed = any(one.latency_ms is not None for one in roofline.points)
    rate = "GFLOP/s, measured" if timed else "GFLOP/s at best (rows were not timed)"
    dots = "".join(_dot(one, across.at(x), along.at(y), ids) for one, x, y in drawn)
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
    kind = "total" if one.index < 0 else section if section in ("backbone", "head") else "body"
    told = f' data-row="{ids[one.key]}"' if one.key in ids else ""
    place = f'class="dot {kind}{" added" if one.planted else ""}"{told}'
    title = f"<title>{escape(one.kind if one.index < 0 else f'{one.index} {one.kind}')}</title>" if not told else ""
    if one.index < 0:
        return f'<path {place} d="M{x - 6:.1f} {y:.1f}h12m-6 -6v12">{title}</path>'
    size = 3.5 + 1.5 * one.planted
    return f'<circle {place} cx="{x:.1f}" cy="{y:.1f}" r="{size}">{title}</circle>'
