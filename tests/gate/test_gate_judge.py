"""The word for a limit: what no interval, however it lies, may get wrong."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surgeon.gate.budget import ON_INCONCLUSIVE, Budget, Limit
from surgeon.gate.figures import timed_ratio
from surgeon.gate.judge import CheckResult, Found, Judged, Outcome, holds, judge
from surgeon.profiler.gpu_figures import Gap, GpuPair
from surgeon.profiler.paired_figures import PairedLatency
from surgeon.profiler.timing.confidence import median_interval

ends = st.floats(min_value=1e-6, max_value=1e6) | st.fractions(min_value=Fraction(1, 10**6), max_value=10**6)
positive = st.fractions(min_value=Fraction(1, 10**6), max_value=10**6)
intervals = st.tuples(ends, ends).map(sorted)


def limit_of(value: Fraction, quantity: str = "latency", relative: bool = True) -> Limit:
    return Limit(quantity=quantity, relative=relative, value=Fraction(value), text=str(value))


def outcome(limit: Fraction, low: object, high: object) -> Outcome:
    return judge(limit_of(limit), Found(low=low, high=high, value=low)).outcome


@given(limit=positive, interval=intervals)
def test_passes_and_fails_only_with_the_whole_interval(limit: Fraction, interval: list[float]) -> None:
    low, high = interval
    word = outcome(limit, low, high)
    assert (word is Outcome.PASSED) == (Fraction(high) <= limit)
    assert (word is Outcome.FAILED) == (Fraction(low) > limit)


@given(limit=positive, figure=ends)
def test_an_exact_figure_is_never_inconclusive(limit: Fraction, figure: float) -> None:
    assert outcome(limit, figure, figure) is (Outcome.PASSED if figure <= limit else Outcome.FAILED)


@given(limit=positive)
def test_a_figure_that_equals_its_limit_keeps_it(limit: Fraction) -> None:
    assert outcome(limit, limit, limit) is Outcome.PASSED


@given(interval=intervals, limits=st.tuples(positive, positive).map(sorted))
def test_a_looser_limit_is_never_worse(interval: list[float], limits: list[Fraction]) -> None:
    order = [Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.PASSED]
    tight, loose = (order.index(outcome(limit, *interval)) for limit in limits)
    assert loose >= tight


@given(interval=intervals, limit=positive, share=st.floats(min_value=0, max_value=1))
def test_a_narrower_interval_never_contradicts(interval: list[float], limit: Fraction, share: float) -> None:
    """More timing may turn inconclusive into a word, never one word into the other."""
    low, high = map(float, interval)
    inside = min(max(low + share * (high - low), low), high)
    wide = outcome(limit, low, high)
    assert wide is Outcome.INCONCLUSIVE or outcome(limit, inside, inside) is wide


@pytest.mark.parametrize("found", [
    Found(low=None, high=None, value=None, reason="not measured"),
    Found(low=0.0, high=math.inf, value=1.0),
    Found(low=math.nan, high=math.nan, value=math.nan),
    Found(low=0.9, high=0.95, value=0.92, doubted=True),
    Found(low=2.0, high=2.5, value=2.2, doubted=True),
])  # fmt: skip
def test_what_is_not_known_is_inconclusive(found: Found) -> None:
    assert judge(limit_of(Fraction(1)), found).outcome is Outcome.INCONCLUSIVE


def test_what_an_inconclusive_limit_means_is_the_budgets_choice() -> None:
    limit = limit_of(Fraction(1))
    words = {word: judge(limit, Found(low=low, high=high, value=1.0)) for word, low, high in (
        ("passed", 0.8, 0.9), ("failed", 1.1, 1.2), ("inconclusive", 0.9, 1.1)
    )}  # fmt: skip
    held = {choice: [word for word, verdict in words.items() if holds([verdict], choice)] for choice in ON_INCONCLUSIVE}
    assert held == {
        "pass": ["passed", "inconclusive"],
        "warn": ["passed", "inconclusive"],
        "fail": ["passed"],
    }
    budgets = [Budget(name=c, where="here", limits=(limit,), on_inconclusive=c) for c in ON_INCONCLUSIVE]
    judged = tuple(
        Judged(model="a.pt", name="a", budget=budget, verdicts=(words["inconclusive"],)) for budget in budgets
    )
    assert CheckResult(judged=judged[:2]).kept
    assert not CheckResult(judged=judged).kept


def pair_of(logs: list[float], verdict: str, gpu: GpuPair | None = None, stopped_by: str = "budget") -> PairedLatency:
    interval = median_interval(logs)
    return PairedLatency(
        pairs=len(logs),
        ratio=math.exp(interval.median),
        ratio_low=math.exp(interval.low),
        ratio_high=math.exp(interval.high),
        verdict=verdict,
        baseline_ms=10.0,
        candidate_ms=10.2,
        log_ratios=tuple(logs),
        stopped_by=stopped_by,
        elapsed_s=1.0,
        gpu=gpu,
    )


def test_confidence_widens_the_interval() -> None:
    logs = [0.02 + 0.0005 * (i - 100) for i in range(201)]
    paired = pair_of(logs, "slower")
    usual, sure, lax = (timed_ratio(paired, confidence) for confidence in (0.95, 0.999, 0.6))
    assert (usual.low, usual.high) == (paired.ratio_low, paired.ratio_high)
    assert sure.low < usual.low < lax.low < lax.high < usual.high < sure.high
    assert not usual.doubted
    assert (usual.value, usual.baseline, usual.candidate) == (paired.ratio, 10.0, 10.2)


def test_few_pairs_say_nothing() -> None:
    found = timed_ratio(
        PairedLatency(pairs=2, ratio=3.0, ratio_low=0.0, ratio_high=math.inf, verdict="inconclusive", baseline_ms=1.0,
                      candidate_ms=3.0, log_ratios=(1.0, 1.1), stopped_by="interrupt", elapsed_s=0.1), 0.9
    )  # fmt: skip
    assert (found.low, found.high) == (0.0, math.inf)
    assert "interrupted" in found.reason
    assert judge(limit_of(Fraction(1)), found).outcome is Outcome.INCONCLUSIVE


def test_a_measurement_that_doubts_itself_is_not_judged() -> None:
    logs = [0.1 + 0.0001 * i for i in range(200)]
    gap = Gap(ratio=0.9, low=0.89, high=0.91, verdict="faster", baseline=1.0, candidate=0.9)
    clear = pair_of(logs, "slower")
    contradicted = pair_of(logs, "inconclusive", GpuPair(span=gap, enqueue=gap, cycles=gap, confirmed=False))
    throttled = pair_of(logs, "slower", GpuPair(span=gap, enqueue=gap, dropped=200, dropped_share=1.0))
    words = [
        judge(limit_of(Fraction(101, 100)), timed_ratio(p, 0.95)).outcome for p in (clear, contradicted, throttled)
    ]
    assert words == [Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.INCONCLUSIVE]
