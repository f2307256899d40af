"""The confidence sequence: its formula, its properties, and its coverage over simulated series."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betaln

from surgeon.profiler.timing.confidence import log_evidence, median_interval, quantile, rank_bound

LOOKS = range(10, 401, 5)
finite = st.floats(-1e6, 1e6)


def iid(rng: random.Random) -> list[float]:
    """400 log ratios of two equal networks, with heavy tails."""
    return [rng.gauss(0, 0.02) * (10 if rng.random() < 0.05 else 1) for _ in range(400)]


def autocorrelated(rng: random.Random) -> list[float]:
    """400 log ratios of randomly ordered pairs out of a series with lag-1 correlation 0.83 and a drift."""
    level, times = 0.0, []
    for i in range(800):
        level = 0.83 * level + rng.gauss(0, 0.05)
        times.append(level + 0.0002 * i)
    pairs = zip(times[::2], times[1::2], strict=True)
    return [(a - b) if rng.random() < 0.5 else (b - a) for a, b in pairs]


def excludes(values: list[float], truth: float) -> bool:
    interval = median_interval(values)
    return interval.low > truth or interval.high < truth


@pytest.mark.parametrize("series", [iid, autocorrelated])
def test_equal_networks_are_ever_told_apart_in_at_most_5_percent(
    series: Callable[[random.Random], list[float]],
) -> None:
    rng = random.Random(1)
    wrong = 0
    for _ in range(300):
        values = series(rng)
        wrong += any(excludes(values[:n], 0.0) for n in LOOKS)
    assert wrong <= 0.05 * 300


@pytest.mark.parametrize("series", [iid, autocorrelated])
def test_two_percent_is_found(series: Callable[[random.Random], list[float]]) -> None:
    rng = random.Random(2)
    found = sum(excludes([d + math.log(1.02) for d in series(rng)], 0.0) for _ in range(200))
    assert found >= 0.98 * 200


@given(st.integers(0, 300), st.integers(0, 300))
def test_evidence_is_the_published_ratio(above: int, below: int) -> None:
    n = above + below
    expected = betaln(10 + above, 10 + below) - betaln(10, 10) + n * math.log(2)
    assert log_evidence(above, n) == pytest.approx(expected, abs=1e-8)


def test_bound_is_the_first_count_that_is_not_rejected() -> None:
    for n in range(1, 200):
        k = rank_bound(n)
        assert all(log_evidence(s, n) >= math.log(20) for s in range(k))
        assert log_evidence(k, n) < math.log(20) or k == n // 2


def test_too_few_values_have_no_bounds() -> None:
    assert rank_bound(5) == 0
    assert median_interval([1.0, 2.0]).half_width == math.inf
    assert [rank_bound(n) for n in (14, 15, 100, 1000)] == [0, 1, 35, 450]
    with pytest.raises(ValueError, match="no values"):
        median_interval([])


@given(st.lists(finite, min_size=1, max_size=80), finite, st.randoms())
def test_interval_contains_the_median_moves_with_it_and_ignores_order(
    values: list[float], shift: float, rng: random.Random
) -> None:
    interval = median_interval(values)
    assert interval.low <= interval.median <= interval.high
    shuffled = values.copy()
    rng.shuffle(shuffled)
    assert median_interval(shuffled) == interval
    mirrored = median_interval([-v for v in values])
    assert (mirrored.low, mirrored.high) == (-interval.high, -interval.low)
    moved = median_interval([v + shift for v in values])
    assert moved.low == pytest.approx(interval.low + shift, abs=1e-9)


@given(st.lists(finite, min_size=1, max_size=50), st.floats(0, 1))
def test_quantile_lies_between_its_neighbours(values: list[float], fraction: float) -> None:
    ordered = sorted(values)
    assert ordered[0] <= quantile(ordered, fraction) <= ordered[-1]
    assert quantile(ordered, 0) == ordered[0]
    assert quantile(ordered, 1) == ordered[-1]
