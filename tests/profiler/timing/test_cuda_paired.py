"""Comparisons on a replayed card: three gaps, throttled pairs, cycles, CUDA graphs, energy."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from fake_gpu import IMAGE, Card, Nvml, Row, network
from torch import nn

from surgeon.profiler.results import PairedLatency
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.timing.cuda import CudaClock
from surgeon.profiler.timing.nvml import GpuSensor, NoSensor, NvmlSensor
from surgeon.profiler.timing.paired import BlockSeries, judge, run_blocks
from surgeon.profiler.timing.runner import Runner
from surgeon.profiler.timing.steady import time_steady

SETTINGS = ProfileSettings(imgsz=(8, 8), time_budget_s=6.0)
BASE = [[(5, 2000), (5, 2000)]]
MORE = [[(5, 2000), (5, 2400)]]
LIGHT = [[(30, 2)] * 100]


class Moody(Row):
    """A row whose kernels vary from run to run as a card's do, and with the clock that a test sets."""

    def __init__(self, card: Card, launches: Any, pace: Callable[[], float]) -> None:
        super().__init__(card, launches)
        self.pace = pace

    def __deepcopy__(self, memo: object) -> Moody:
        return Moody(self.card, self.launches, self.pace)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.card.pace = self.pace()
        return super().forward(x)


def noise(seed: int = 1) -> Callable[[], float]:
    rng = random.Random(seed)
    return lambda: rng.uniform(0.995, 1.005)


def clock_of(card: Card, sensor: GpuSensor | None = None) -> CudaClock:
    return CudaClock(torch.device("cpu"), cuda=card, now_ns=card.now_ns, sensor=sensor)


def compare(card: Card, nvml: Nvml | None, arms: list[nn.Module]) -> tuple[BlockSeries, PairedLatency]:
    sensor = NoSensor("NVML is missing") if nvml is None else NvmlSensor(nvml, "card")
    series = run_blocks(arms, IMAGE, SETTINGS, clock=clock_of(card, sensor))
    return series, judge(series, 1, SETTINGS.precision)


def test_a_slower_network_by_every_clock() -> None:
    card = Card()
    series, found = compare(card, Nvml(), [Moody(card, BASE[0], noise()), Moody(card, MORE[0], noise(2))])
    gpu = found.gpu
    assert gpu is not None
    assert gpu.cycles is not None
    assert found.verdict == gpu.span.verdict == gpu.cycles.verdict == "slower"
    assert gpu.enqueue.verdict == "same"
    assert gpu.confirmed is True
    assert gpu.span.ratio == pytest.approx(1.1, abs=0.005)
    assert gpu.cycles.baseline == pytest.approx(4.0 * 1.98, rel=0.01)  # millions
    assert (gpu.dropped, gpu.dropped_share) == (0, 0)
    assert all(len(warm) >= 10 and sum(warm) >= 500 for warm in series.warm_ms)
    assert sum(series.warm_ms[0]) < 1000  # half a second at a new shape, not at every fresh copy


def test_throttled_pairs_are_dropped_and_counted() -> None:
    """Now and then a pair is hot and twice as slow for whoever runs then; without them nothing differs."""
    card, nvml = Card(), Nvml()
    hot = itertools.cycle([False] * 8 + [True] * 2)
    state = {"hot": False}

    def pace() -> float:
        state["hot"] = next(hot)
        return 2.0 if state["hot"] else 1.0

    nvml.reasons = lambda: 0x40 if state["hot"] else 0x00
    nvml.sm_mhz = lambda: 990 if state["hot"] else 1980
    series, found = compare(card, nvml, [Moody(card, BASE[0], pace), Moody(card, BASE[0], pace)])
    assert found.gpu is not None
    assert found.verdict == "same"
    assert found.gpu.dropped == len(series.aside_ms[0]) >= 2
    assert found.gpu.dropped_share == found.gpu.dropped / (found.gpu.dropped + found.pairs) < 0.5
    assert set(found.gpu.dropped_by) == {"hardware thermal slowdown", "SM clock under 75% of default"}
    assert found.pairs == len(series.samples_ms[0]) == sum(found.epoch_pairs)
    assert max(series.samples_ms[0] + series.samples_ms[1]) < 4.1
    assert all(max(pair) > 7.9 for pair in zip(*series.aside_ms, strict=True))
    assert f"{found.gpu.dropped} of {found.pairs + found.gpu.dropped} pairs" in found.reason


def test_a_card_that_is_always_throttled_decides_nothing() -> None:
    card, nvml = Card(), Nvml()
    nvml.reasons = 0x04
    series, found = compare(card, nvml, [Moody(card, BASE[0], noise()), Moody(card, MORE[0], noise(2))])
    assert found.verdict == "inconclusive"
    assert found.ratio == pytest.approx(1.1, abs=0.005)  # shown, not judged
    assert found.reason.startswith(f"the card was throttled in all {found.pairs} pairs (power cap in {found.pairs})")
    assert sum(found.epoch_pairs) == found.pairs
    assert found.stopped_by == "budget"
    latency = series.witness.of_latency(steady(card, BASE), 0)
    assert "none of them counts" in latency.notes[-1]


def test_a_gap_that_is_the_clocks_is_not_the_networks() -> None:
    """The candidate runs at a lower clock, by 8 %, for less work, by 4 %: in ms it is slower, in cycles it is not."""
    card, nvml = Card(), Nvml()
    state = {"mhz": 1980.0}

    def at(mhz: float) -> Callable[[], float]:
        def pace() -> float:
            state["mhz"] = mhz
            return 1980 / mhz

        return pace

    nvml.sm_mhz = lambda: state["mhz"]
    arms = [Moody(card, BASE[0], at(1980)), Moody(card, [(5, 2000), (5, 1840)], at(1822))]
    _, found = compare(card, nvml, arms)
    assert found.ratio == pytest.approx(1.043, abs=0.002)
    assert found.gpu is not None
    assert found.gpu.cycles is not None
    assert found.gpu.cycles.ratio == pytest.approx(0.96, abs=0.002)
    assert found.gpu.confirmed is False
    assert found.verdict == "inconclusive"
    assert found.reason.startswith("+4.3% in ms, but -4.0% in cycles of the SM clock")


@pytest.mark.parametrize("nvml", [None, "idle"])
def test_without_a_clock_the_verdict_stands_unconfirmed(nvml: str | None) -> None:
    card, driver = Card(), Nvml()
    driver.reasons, driver.sm_mhz = 0x01, 210  # an idle card's clock is no throttling, and counts no cycles
    arms = [Moody(card, BASE[0], noise()), Moody(card, MORE[0], noise(2))]
    series, found = compare(card, driver if nvml else None, arms)
    assert found.verdict == "slower"
    assert found.gpu is not None
    assert (found.gpu.cycles, found.gpu.confirmed, found.gpu.dropped) == (None, None, 0)
    if nvml is None:
        assert "NVML is missing" in series.witness.of_latency(steady(card, BASE), 0).notes


def test_an_interrupt_keeps_complete_pairs() -> None:
    card = Card()
    runs = iter(range(300))

    def pace() -> float:
        if next(runs) == 265:
            raise KeyboardInterrupt
        return 1.0

    arms = [Moody(card, BASE[0], pace), Moody(card, BASE[0], pace)]
    series, found = compare(card, Nvml(), arms)
    assert (found.stopped_by, found.pairs) == ("interrupt", series.blocks)
    assert series.blocks == (265 - 250) // 2  # the torn one is gone, warm-up is no pair


def steady(card: Card, rows: Any) -> Any:
    clock = clock_of(card)
    return time_steady(Runner(network(card, rows), IMAGE, clock).run_ms, clock, min_runs=5, budget_s=1, precision=0.1)
