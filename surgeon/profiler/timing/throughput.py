"""Images a second over batch sizes: 1, 2, 4 … until a larger batch brings less than 5 % more."""

from __future__ import annotations

from collections.abc import Callable

from surgeon.profiler.results import Latency, Throughput

GAIN = 0.05
"""Gain in images a second below which a larger batch is not tried."""

LARGEST = 256


def throughput(time_batch: Callable[[int], Latency], *, left_s: Callable[[], float], first: int = 1) -> Throughput:
    """Double the batch while that pays.

    Args:
        time_batch: Times the network at a batch size; `RuntimeError` and `MemoryError` where it does not fit.
        left_s: Seconds that may still be spent.
        first: Batch size to begin with.

    Returns:
        Every batch size that was timed, and why no larger one was.
    """
    batches: list[int] = []
    rates: list[float] = []
    batch, stopped_by = first, ""
    while not stopped_by:
        try:
            latency = time_batch(batch)
        except (RuntimeError, MemoryError) as error:
            stopped_by = f"batch {batch} does not run: {' '.join(str(error).split())[:200] or type(error).__name__}"
            break
        batches.append(batch)
        rates.append(1000 * batch / latency.median_ms)
        if any("interrupted" in note for note in latency.notes):
            stopped_by = "interrupted"
        elif len(rates) > 1 and rates[-1] < rates[-2] * (1 + GAIN):
            stopped_by = f"batch {batch} brought less than {100 * GAIN:g} % more"
        elif batch * 2 > LARGEST:
            stopped_by = f"no batch above {LARGEST} is tried"
        elif left_s() <= 0:
            stopped_by = "the time budget was spent"
        batch *= 2
    return Throughput(batches=tuple(batches), images_per_s=tuple(rates), stopped_by=stopped_by)
