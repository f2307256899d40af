"""Words for intervals, and the sentence behind an inconclusive one."""

from __future__ import annotations

import math

import pytest

from surgeon.profiler.timing.pressure import Disturbance
from surgeon.profiler.timing.verdict import reason, verdict


@pytest.mark.parametrize(
    ("ratio", "low", "high", "word"),
    [
        (1.10, 1.05, 1.15, "slower"),
        (0.90, 0.85, 0.95, "faster"),
        (1.006, 1.001, 1.009, "slower"),
        (1.003, 1.001, 1.005, "tiny"),
        (0.997, 0.99, 0.999, "tiny"),
        (1.003, 1.001, 1.02, "tiny"),
        (1.0, 0.992, 1.008, "same"),
        (1.0, 1.0, 1.0, "same"),
        (1.0, 0.985, 1.004, "inconclusive"),
        (1.05, 0.99, 1.11, "inconclusive"),
        (1.0, 0.0, math.inf, "inconclusive"),
    ],
)
def test_words(ratio: float, low: float, high: float, word: str) -> None:
    assert verdict(ratio, low, high) == word


def test_reason_tells_interval_target_and_disturbance() -> None:
    seen = Disturbance(waited=0.31, stalled=0.46)
    text = reason("inconclusive", 0.996, 1.029, pairs=90, elapsed_s=60.0, precision=0.005, seen=seen)
    assert text == (
        "between -0.4% and +2.9% after 60.0 s (target ±0.5%); waited for a CPU 31% of the time; CPU pressure (PSI) 46%"
    )


def test_reason_where_nothing_is_known() -> None:
    nothing = Disturbance()
    few = reason("inconclusive", 0.0, math.inf, pairs=2, elapsed_s=10.0, precision=0.005, seen=nothing)
    assert few == "only 2 pairs fitted into 10.0 s, too few for an interval; give a larger time budget"
    one = reason("inconclusive", 0.0, math.inf, pairs=1, elapsed_s=10.0, precision=0.005, seen=nothing)
    assert one.startswith("only 1 pair fitted into 10.0 s, ")
    assert reason("same", 0.995, 1.005, pairs=90, elapsed_s=9, precision=0.005, seen=nothing) == ""
