"""When a network has warmed up: pure rule, torch-free."""

from __future__ import annotations

from collections.abc import Callable, Sequence

MIN_RUNS = 3
MAX_RUNS = 20
SPREAD = 0.10


def is_warm(times_ms: Sequence[float]) -> bool:
    """Whether at least three runs were made and the last three lie within 10 % of each other."""
    last = times_ms[-MIN_RUNS:]
    return len(last) == MIN_RUNS and max(last) <= min(last) * (1 + SPREAD)


def warm_up(run_ms: Callable[[], float]) -> tuple[float, ...]:
    """Run until warm, 20 times at most; the times in ms, the cold one first."""
    times_ms: list[float] = []
    while len(times_ms) < MAX_RUNS and not is_warm(times_ms):
        times_ms.append(run_ms())
    return tuple(times_ms)
