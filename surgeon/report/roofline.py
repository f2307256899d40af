"""The rows of one network under the roof of its device: what bounds each, its time at best, and how near it comes."""

from __future__ import annotations

from collections.abc import Sequence

from surgeon.profiler.device_peak import UNRELIABLE_SPREAD, DevicePeak
from surgeon.profiler.results import Comparison, ProfileResult
from surgeon.profiler.roofline import Roofline, RooflinePoint, roofline_of
from surgeon.report import units
from surgeon.report.rows_tables import unit_of
from surgeon.report.tables import Column, Emphasis, Facts, Notes, Part, Row, Table

_WIDE_SPREAD = 0.2

_CACHED = (
    "bytes moved: each operand read once and each result written once, as unfused operators do it; a {unit} whose maps "
    "stay in the caches moves less and may be above 100 % of the roof"
)
_FLOPS = "FLOPs are what ran: 2 x executed MACs + elementwise FLOPs (normalisation, activation, pooling, pointwise)"


def roofline_parts(result: ProfileResult) -> tuple[Part, ...]:
    """The roof, the table and what to know of them; empty parts where no peak is known."""
    if result.peak is None:
        return ()
    roofline = roofline_of(result, result.peak)
    if not roofline.points:
        return (Notes(title="roofline", sentences=("this result was saved without what a roofline needs",)),)
    unit = unit_of(result.layers)
    return (
        Facts(title="roof", items=_roof(result.peak, roofline)),
        roofline_table(roofline, unit),
        Notes(title="about the roofline", sentences=_notes(result.peak, unit)),
    )


def roof_sentences(comparison: Comparison, labels: Sequence[str]) -> list[str]:
    """The roof of a comparison and what each network takes at best under it; none where no peak is known."""
    least: dict[DevicePeak, list[str]] = {}
    for label, result in zip(labels, comparison.results, strict=True):
        total = None if result.peak is None else roofline_of(result, result.peak).total
        if total is None or result.peak is None or not total.least_ms:
            continue
        share = "" if total.share_of_roof is None else f" ({units.percent(total.share_of_roof)} of the time taken)"
        least.setdefault(result.peak, []).append(f"{label} {units.ms(total.least_ms)}{share}")
    return [
        " ".join((f"Roof: {_arithmetic(peak)}, {_memory(peak)}. At best under it: {', '.join(times)}.", *_doubts(peak)))
        for peak, times in least.items()
    ]


def roofline_table(roofline: Roofline, unit: str = "row") -> Table:
    """A line a row, and their sum.

    Args:
        roofline: What to show.
        unit: What a row of the network is called.
    """
    timed = any(one.latency_ms is not None for one in roofline.points)
    columns = (
        Column(title=unit, role="number"),
        Column(title="module", shrink_to=10, signed=True),
        Column(title="GFLOPs", role="number"),
        Column(title="MiB", role="number"),
        Column(title="FLOP/B", role="number"),
        Column(title="bound"),
        Column(title="GFLOP/s", role="number", drop=1),
        Column(title="at best", role="number"),
        *((Column(title="ms", role="number"), Column(title="% of roof", role="number")) if timed else ()),
    )
    rows = [_row(one, timed, Emphasis.ADDED if one.planted else Emphasis.NORMAL) for one in roofline.points]
    rows.append(_row(roofline.total, timed, Emphasis.TOTAL))
    state = "fused" if roofline.fused else "unfused"
    return Table(title=f"roofline, {state}, {roofline.dtype}", columns=columns, rows=tuple(rows))


def _row(point: RooflinePoint, timed: bool, emphasis: Emphasis) -> Row:
    cells: tuple[str, ...] = (
        "" if point.index < 0 else str(point.index),
        point.kind,
        units.flops_brief(point.flops),
        units.mib_brief(point.moved_bytes),
        units.NOTHING if point.intensity is None else f"{point.intensity:.1f}",
        point.bound,
        f"{point.attainable_gflops:.1f}",
        units.ms_brief(point.least_ms),
    )
    if timed:
        share = point.share_of_roof
        cells += (units.ms_brief(point.latency_ms), units.NOTHING if share is None else units.percent_brief(share))
    return Row(cells=cells, emphasis=emphasis)


def _roof(peak: DevicePeak, roofline: Roofline) -> tuple[tuple[str, str], ...]:
    memory = sum(one.bound == "memory" for one in roofline.points)
    return (
        ("arithmetic", _arithmetic(peak)),
        ("memory", _memory(peak)),
        ("ridge", f"{peak.ridge:.1f} FLOP/B; what does less for each byte waits for memory"),
        ("bound by memory", f"{memory} of {units.plural(len(roofline.points), 'part')}"),
    )


def _arithmetic(peak: DevicePeak) -> str:
    return f"{peak.gflops:,.1f} GFLOP/s ({_source(peak.gflops_source, peak.gflops_spread)})"


def _memory(peak: DevicePeak) -> str:
    return f"{peak.bandwidth_gbs:,.1f} GB/s ({_source(peak.bandwidth_source, peak.bandwidth_spread)})"


def _source(source: str, spread: float | None) -> str:
    return source if spread is None else f"{source}, interquartile range {units.percent(spread)}"


def _notes(peak: DevicePeak, unit: str) -> tuple[str, ...]:
    return (f"{_FLOPS}.", f"{_CACHED.format(unit=unit)}.", *_doubts(peak))


def _doubts(peak: DevicePeak) -> tuple[str, ...]:
    """What to think of a roof whose runs differed; nothing of one that was given, or measured on a quiet machine."""
    spread = max(peak.gflops_spread or 0.0, peak.bandwidth_spread or 0.0)
    if spread <= _WIDE_SPREAD:
        return ()
    varied = "The measured peak varied much from run to run: something else used the machine, it may be higher"
    if spread <= UNRELIABLE_SPREAD:
        return (f"{varied}.",)
    return (
        f"{varied}. This roof is not to be relied on: measure it on a quiet machine, or give it by --peak-gflops and "
        "--peak-bandwidth.",
    )
