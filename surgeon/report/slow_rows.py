"""Few FLOPs, much time: the rows for which a count of FLOPs misleads, each in a sentence."""

from __future__ import annotations

from surgeon.profiler.results import ProfileResult
from surgeon.profiler.slow_rows import EXCESS, SlowRow, slow_rows
from surgeon.report import units
from surgeon.report.rows_tables import unit_of
from surgeon.report.tables import Notes

MOST = 6
"""Sentences at most; the table shows the shares of all rows."""


def slow_rows_notes(result: ProfileResult) -> Notes:
    """The rows that take at least twice their share of the FLOPs, with the likely reason; may be empty."""
    found, unit = slow_rows(result), unit_of(result.layers)
    sentences = [_sentence(one, unit) for one in found[:MOST]]
    if len(found) > MOST:
        rest = found[MOST:]
        time = units.percent(sum(one.time_share for one in rest))
        sentences.append(f"{units.plural(len(rest), f'more {unit}', f'more {unit}s')}, together {time} of the time.")
    return Notes(title=f"few FLOPs, much time ({EXCESS:.0f}x their share or more)", sentences=tuple(sentences))


def _sentence(one: SlowRow, unit: str) -> str:
    """As ``Row 4 GAM: 12 % of the time, 3.1 % of the FLOPs: launch-bound (...)``."""
    reasons = "; ".join(one.reasons) or "the counts do not say why"
    shares = f"{units.percent(one.time_share)} of the time, {units.percent(one.flops_share)} of the FLOPs"
    return f"{unit.capitalize()} {one.row.index} {one.row.kind}: {shares}: {reasons}."
