"""An interval for a median that stays valid however often one looks: pure statistics, torch-free.

A value m is kept as long as a sign test against it is not rejected. The test is a beta-binomial martingale (prior
Beta(10, 10)), so by Ville's inequality the chance that the true median is *ever* excluded, over all sample sizes and
any rule for stopping, is at most alpha. It needs only that each difference lies above the median with probability one
half given the past, which a coin flip per pair provides; times may be autocorrelated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

ALPHA = 0.05
_PRIOR = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MedianInterval:
    """A median and its confidence sequence, in the unit of the values; infinite bounds while there are too few."""

    median: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half the distance between the bounds."""
        return (self.high - self.low) / 2


def median_interval(values: Sequence[float], alpha: float = ALPHA) -> MedianInterval:
    """Median of ``values`` with its any-time-valid 1 − alpha interval.

    Raises:
        ValueError: There are no values.
    """
    ordered = sorted(values)
    rank = rank_bound(len(ordered), alpha)
    if rank == 0:
        return MedianInterval(median=quantile(ordered, 0.5), low=-math.inf, high=math.inf)
    return MedianInterval(median=quantile(ordered, 0.5), low=ordered[rank - 1], high=ordered[-rank])


def rank_bound(n: int, alpha: float = ALPHA) -> int:
    """The k for which ``[k-th smallest, k-th largest]`` of n values is the interval; 0 while n is too small."""
    limit = math.log(1 / alpha)
    low, high = 0, n // 2
    while low < high:
        middle = (low + high) // 2
        if log_evidence(middle, n) >= limit:
            low = middle + 1
        else:
            high = middle
    return low


def log_evidence(above: int, n: int) -> float:
    """Log of the evidence against m being the median, when ``above`` of ``n`` values lie above it."""
    return (
        _log_beta(_PRIOR + above, _PRIOR + n - above) - _log_beta(_PRIOR, _PRIOR) + n * math.log(2)
    )  # the likelihood ratio of Beta(10, 10) coins to a fair one


def quantile(ordered: Sequence[float], fraction: float) -> float:
    """Quantile of sorted values, linearly interpolated.

    Raises:
        ValueError: There are no values.
    """
    if not ordered:
        raise ValueError("no values")
    position = fraction * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    if ordered[below] == ordered[above]:
        return ordered[below]
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
