"""When a network has warmed up: pure rule, torch-free."""

from __future__ import annotations

from collections.abc import Callable, Sequence

MIN_RUNS = 3
MAX_RUNS = 20
SPREAD = 0.10
ALLOWANCE = 0.1
"""Share of a time budget that warming up may take beyond the fewest runs."""


def is_warm(times_ms: Sequence[float], min_runs: int = MIN_RUNS) -> bool:
    """Whether at least ``min_runs`` were made and the last three lie within 10 % of each other."""
    last = times_ms[-MIN_RUNS:]
    return len(times_ms) >= max(min_runs, MIN_RUNS) and max(last) <= min(last) * (1 + SPREAD)


def warm_up(
    run_ms: Callable[[], float], min_runs: int = MIN_RUNS, allowance_s: float = float("inf")
) -> tuple[float, ...]:
    """Run until warm, 20 times at most; the times in ms, the cold one first.

    On a busy machine times may never come within 10 % of each other; the allowance keeps warming up from eating the
    budget then.

    Args:
        run_ms: Runs once and returns milliseconds.
        min_runs: What the device needs (`Clock.warmup_runs`); a GPU tunes its kernels over more runs than a CPU.
        allowance_s: Seconds of runs after which ``min_runs`` are enough.
    """
    times_ms: list[float] = []
    while len(times_ms) < MAX_RUNS and not is_warm(times_ms, min_runs):
        if len(times_ms) >= min_runs and sum(times_ms) >= 1000 * allowance_s:
            break
        times_ms.append(run_ms())
    return tuple(times_ms)
