"""From an interval to a word: what may be claimed of two latencies. Pure, torch-free.

``slower``/``faster``: the interval excludes equality and the median differs by 0.5 % or more. ``tiny``: it excludes
equality and the median differs by less (memory placement alone can do that, so no direction is claimed). ``same``:
it lies within ±1 %. Anything else is ``inconclusive``.
"""

from __future__ import annotations

from surgeon.profiler.timing.pressure import Disturbance

CLAIM = 0.005
"""Smallest relative difference that is called slower or faster."""

SAME = 0.01
"""Relative half-width inside which two times are called the same."""


def verdict(ratio: float, low: float, high: float) -> str:
    """The word for a time ratio candidate / baseline and its interval."""
    if low > 1 or high < 1:
        if abs(ratio - 1) < CLAIM:
            return "tiny"
        return "slower" if ratio > 1 else "faster"
    return "same" if low >= 1 - SAME and high <= 1 + SAME else "inconclusive"


def reason(
    word: str, low: float, high: float, *, pairs: int, elapsed_s: float, precision: float, seen: Disturbance
) -> str:
    """Why a verdict is inconclusive, in one sentence; empty for the others."""
    if word != "inconclusive":
        return ""
    if high == float("inf"):
        fitted = f"only {pairs} {'pair' if pairs == 1 else 'pairs'} fitted into {elapsed_s:.1f} s"
        return f"{fitted}, too few for an interval; give a larger time budget"
    between = f"between {low - 1:+.1%} and {high - 1:+.1%} after {elapsed_s:.1f} s (target ±{precision:.1%})"
    return "; ".join((between, *seen.sentences()))
