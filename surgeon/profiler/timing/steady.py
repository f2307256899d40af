"""The latency of one network in its steady state: order statistics of many runs, and what disturbed them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from surgeon.profiler.results import Latency
from surgeon.profiler.timing.clock import Clock
from surgeon.profiler.timing.confidence import median_interval, quantile
from surgeon.profiler.timing.pressure import PressureGauge
from surgeon.profiler.timing.warmup import ALLOWANCE, warm_up
from surgeon.profiler.timing.witness import warmup_s_of, witness_of
from surgeon.progress import reached

HASTY_ALLOWANCE = 0.5
"""Share of the time budget that warming up may take where a single warm-up run may be enough."""

NOISY = 0.1
"""Interquartile range over median from which a series is called noisy."""

INTERRUPTED = "interrupted"
"""The note of a series that the user cut short."""

SHORTEST_S = 1.0
"""Seconds of runs before timing may stop early, so that a fast network's tail is seen too."""

FEWEST_RUNS = 5
"""Runs that are made even when they exceed the time budget."""

FEWEST_FOR_P90, FEWEST_FOR_P99 = 10, 100
"""Runs of which one lies beyond the quantile; from fewer it would be the largest run by another name."""


def time_steady(
    run_ms: Callable[[], float],
    clock: Clock,
    *,
    min_runs: int,
    budget_s: float,
    precision: float,
    fewest_runs: int = FEWEST_RUNS,
    hasty: bool = False,
) -> Latency:
    """Time until the median is known to ``precision`` and steady, or the budget is spent.

    Args:
        run_ms: Runs the network once and returns milliseconds.
        clock: Tells when the budget is spent; warm-up counts.
        min_runs: Runs before it may stop early.
        budget_s: Seconds at most, once there are `fewest_runs`.
        precision: Relative half-width of the median's interval at which it may stop.
        fewest_runs: Runs that are made in any case.
        hasty: Whether one warm-up is enough once it took half of the budget: for a row that must not cost more.

    Raises:
        KeyboardInterrupt: Interrupted before there was anything to report.
    """
    start_s = clock.now_s()
    fewest_warm, allowance = (1, HASTY_ALLOWANCE) if hasty else (clock.warmup_runs, ALLOWANCE)
    warm = warm_up(run_ms, fewest_warm, allowance * budget_s, warmup_s_of(clock))
    samples: list[float] = []
    aside: list[float] = []
    witness = witness_of(clock, 1)
    gauge = PressureGauge()
    notes: list[str] = []
    try:
        while not _may_stop(samples, min_runs, precision):
            if len(samples) + len(aside) >= fewest_runs and clock.now_s() - start_s >= budget_s:
                break
            ms = run_ms()
            witness.saw(0)
            (samples if witness.keeps() else aside).append(ms)
            spent = (clock.now_s() - start_s) / budget_s if budget_s > 0 else 1.0
            reached(min(spent, (len(samples) + len(aside)) / max(fewest_runs, 1)))
    except KeyboardInterrupt:
        if not samples and not aside:
            raise
        notes.append(INTERRUPTED)
    if len(samples) < min_runs:
        notes.append(f"{len(samples)} of {min_runs} runs fitted into {budget_s:g} s")
    shown = samples or aside  # where every run was throttled, the witness says so
    latency = summarise(shown, warm, (*notes, *noise_notes(shown, gauge.read().sentences())))
    return witness.of_latency(latency, 0)


def summarise(samples: Sequence[float], warm: Sequence[float], notes: tuple[str, ...] = ()) -> Latency:
    """Order statistics of timed runs; ``warm`` are the uncounted runs before them, the cold one first."""
    ordered, runs = sorted(samples), len(samples)
    return Latency(
        samples_ms=tuple(samples),
        warmup_runs=len(warm),
        first_ms=warm[0],
        median_ms=quantile(ordered, 0.5),
        q1_ms=quantile(ordered, 0.25),
        q3_ms=quantile(ordered, 0.75),
        p90_ms=quantile(ordered, 0.9) if runs >= FEWEST_FOR_P90 else None,
        p99_ms=quantile(ordered, 0.99) if runs >= FEWEST_FOR_P99 else None,
        notes=notes,
    )


def noise_notes(samples: Sequence[float], disturbance: tuple[str, ...]) -> tuple[str, ...]:
    """A sentence where the runs spread widely, with what is known of the cause."""
    ordered = sorted(samples)
    spread = (quantile(ordered, 0.75) - quantile(ordered, 0.25)) / quantile(ordered, 0.5)
    if spread <= NOISY:
        return ()
    return ("; ".join((f"noisy: the middle half of the runs spreads over {spread:.0%} of the median", *disturbance)),)


def _may_stop(samples: Sequence[float], min_runs: int, precision: float) -> bool:
    """Whether enough was measured; asked every five runs."""
    enough = len(samples) >= min_runs and len(samples) % 5 == 0 and math.fsum(samples) >= 1000 * SHORTEST_S
    return enough and _is_settled(samples, precision)


def _is_settled(samples: Sequence[float], precision: float) -> bool:
    """Whether the interval is narrow and both halves of the series agree: runs are autocorrelated, so both count."""
    logs = [math.log(sample) for sample in samples]
    half = len(logs) // 2
    drift = abs(quantile(sorted(logs[:half]), 0.5) - quantile(sorted(logs[half:]), 0.5))
    return median_interval(logs).half_width <= precision and drift <= 2 * precision
