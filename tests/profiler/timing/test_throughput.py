"""Images a second over batch sizes."""

from __future__ import annotations

import pytest

from surgeon.profiler.results import Latency
from surgeon.profiler.timing.throughput import throughput


def latency(ms: float, *notes: str) -> Latency:
    return Latency(
        samples_ms=(ms,),
        warmup_runs=1,
        first_ms=ms,
        median_ms=ms,
        q1_ms=ms,
        q3_ms=ms,
        p90_ms=ms,
        p99_ms=ms,
        notes=notes,
    )


def test_doubling_stops_where_it_no_longer_pays():
    times = {1: 10.0, 2: 15.0, 4: 29.0}
    found = throughput(lambda batch: latency(times[batch]), left_s=lambda: 1.0)
    assert found.batches == (1, 2, 4)
    assert found.images_per_s == pytest.approx((100, 1000 / 7.5, 1000 / 7.25))
    assert found.stopped_by == "batch 4 brought less than 5 % more"


def test_memory_ends_it_with_its_sentence():
    def time_batch(batch: int) -> Latency:
        if batch > 2:
            raise RuntimeError("not enough memory:\n you tried to allocate 9 GB")
        return latency(10.0)

    found = throughput(time_batch, left_s=lambda: 1.0)
    assert found.batches == (1, 2)
    assert found.stopped_by == "batch 4 does not run: not enough memory: you tried to allocate 9 GB"


def test_the_budget_and_an_interrupt_end_it():
    assert throughput(lambda batch: latency(1.0), left_s=lambda: 0.0).stopped_by == "the time budget was spent"
    found = throughput(lambda batch: latency(1.0, "interrupted"), left_s=lambda: 1.0)
    assert found.batches == (1,) and found.stopped_by == "interrupted"


def test_no_batch_is_too_large_for_ever():
    found = throughput(lambda batch: latency(1.0), left_s=lambda: 1.0)
    assert found.batches[-1] == 256 and "256" in found.stopped_by
