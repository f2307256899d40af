"""When a network has warmed up: pure rule, torch-free."""

from __future__ import annotations

from collections.abc import Callable, Sequence

MIN_RUNS = 3
MAX_RUNS = 20
MAX_SHORT_RUNS = 5000
"""Runs at most where a device needs seconds, however short they are."""
SPREAD = 0.10
ALLOWANCE = 0.1
"""Share of a time budget that warming up may take beyond the fewest runs."""


def is_warm(times_ms: Sequence[float], min_runs: int = MIN_RUNS) -> bool:
    """Whether at least ``min_runs`` were made and the last three lie within 10 % of each other."""
    last = times_ms[-MIN_RUNS:]
    return len(times_ms) >= max(min_runs, MIN_RUNS) and max(last) <= min(last) * (1 + SPREAD)


def warm_up(
    run_ms: Callable[[], float], min_runs: int = MIN_RUNS, allowance_s: float = float("inf"), min_s: float = 0.0
) -> tuple[float, ...]:
    """Run until warm; the times in ms, the cold one first.

    On a busy machine times may never come within 10 % of each other; the allowance keeps warming up from eating the
    budget then, and 20 runs are enough once ``min_s`` has passed.

    Args:
        run_ms: Runs once and returns milliseconds.
        min_runs: What the device needs (`Clock.warmup_runs`); a GPU tunes its kernels over more runs than a CPU.
        allowance_s: Seconds of runs after which ``min_runs`` are enough.
        min_s: Seconds of runs that the device needs in any case (a GPU raises its clock only under load).
    """
    times_ms: list[float] = []
    while not _suffices(times_ms, min_runs, allowance_s, min_s):
        times_ms.append(run_ms())
    return tuple(times_ms)


def _suffices(times_ms: Sequence[float], min_runs: int, allowance_s: float, min_s: float) -> bool:
    """Whether to stop warming up."""
    runs, spent_s = len(times_ms), sum(times_ms) / 1000
    if runs < MAX_SHORT_RUNS and spent_s < min_s:
        return False
    if runs >= MAX_RUNS or is_warm(times_ms, min_runs):
        return True
    return runs >= min_runs and spent_s >= allowance_s
