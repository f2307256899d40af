"""Do the rows that an edit touched explain the difference end to end? Both with their intervals, in one sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping

from surgeon.profiler.results import PairedLatency, ProfileResult
from surgeon.report import units
from surgeon.report.alignment import align
from surgeon.report.tables import Emphasis

_NOISY = "too noisy to tell whether they agree; more --time-budget, or a quieter machine, tells."


def row_difference(
    baseline: ProfileResult, candidate: ProfileResult, paired: PairedLatency, renames: Mapping[str, str] | None = None
) -> str:
    """The time of the added, removed and changed rows beside the paired difference; empty where rows were not timed.

    Args:
        baseline: What was compared with.
        candidate: Whose rows are explained.
        paired: Their comparison.
        renames: Map baseline row key -> candidate row key, where known.
    """
    touched = [pair for pair in align(baseline.layers, candidate.layers, renames) if pair.status != Emphasis.NORMAL]
    touched = [pair for pair in touched if pair.changes != ("inputs",)]
    rows = [(sign, row) for pair in touched for sign, row in ((-1, pair.before), (1, pair.after)) if row is not None]
    spreads = [row.latency_plus_minus_ms for _, row in rows]
    if not rows or any(row.latency_ms is None for _, row in rows) or not _is_finite(paired, spreads):
        return ""
    own = math.fsum(sign * (row.latency_ms or 0.0) for sign, row in rows)
    spread = math.sqrt(math.fsum((one or 0.0) ** 2 for one in spreads))
    whole, low, high = (paired.baseline_ms * (r - 1) for r in (paired.ratio, paired.ratio_low, paired.ratio_high))
    noun = "the changed row by itself" if len(touched) == 1 else f"the {len(touched)} changed rows by themselves"
    sentence = f"{noun}: {_ms(own, own - spread, own + spread)}; end to end: {_ms(whole, low, high)}"
    if own - spread <= high and low <= own + spread:
        noisy = _tells_nothing(whole, (own - spread, own + spread), (low, high))
        return f"{sentence}: {_NOISY if noisy else 'they agree.'}"
    return (
        f"{sentence}: they DO NOT agree. The other rows took another time too (memory, caches), or the machine was "
        "disturbed between the two measurements; more --time-budget tells which."
    )


def _tells_nothing(whole: float, *intervals: tuple[float, float]) -> bool:
    """Whether the intervals would overlap whatever the edit cost: both hold 0, or one is wider than the difference."""
    if all(low <= 0 <= high for low, high in intervals):
        return True
    return max(high - low for low, high in intervals) > abs(whole)


def _is_finite(paired: PairedLatency, spreads: list[float | None]) -> bool:
    known = all(one is not None and math.isfinite(one) for one in spreads)
    return known and math.isfinite(paired.ratio_high) and math.isfinite(paired.ratio_low)


def _ms(value: float, low: float, high: float) -> str:
    """``+2.71 ms [+2.60, +2.82]``."""
    sign = "+" if value > 0 else ""
    return f"{sign}{units.ms(value)} [{low:+.2f}, {high:+.2f}]"
