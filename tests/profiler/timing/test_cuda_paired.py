"""Comparisons on a replayed card: three gaps, throttled pairs, cycles, CUDA graphs, energy."""

from __future__ import annotations

import copy
import itertools
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from fake_gpu import IMAGE, Card, Nvml, Row, network
from torch import nn

from surgeon.profiler.gpu_arms import add_energy, add_to_profile, capture_graphs
from surgeon.profiler.results import Comparison, PairedLatency
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.timing.cuda import CudaClock
from surgeon.profiler.timing.cuda_graph import Graphed, graph_refusal
from surgeon.profiler.timing.energy import measure_energy
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


def test_a_graph_is_an_arm_of_its_own() -> None:
    card = Card()
    clock = clock_of(card, NvmlSensor(Nvml(), "card"))
    settings = replace(SETTINGS, cuda_graph=True)
    runners = [Runner(network(card, rows), IMAGE, clock) for rows in (LIGHT, [[(30, 2)] * 120])]
    graphs = capture_graphs(runners, settings, clock, None)
    assert (graphs.arm_of, graphs.refused) == ({0: 2, 1: 3}, {})
    series = run_blocks([*(r.module for r in runners), *graphs.modules], IMAGE, settings, clock=clock)
    paired = graphs.of_pair(judge(series, 1, 0.005), series, 1)
    assert paired.gpu is not None
    assert paired.gpu.graph is not None
    assert paired.ratio == pytest.approx(1.2, abs=0.01)  # launches of the host
    assert paired.gpu.graph.ratio == pytest.approx((120 * 2 + 12) / (100 * 2 + 12), abs=0.02)  # kernels of the card
    latency = graphs.of_latency(series.witness.of_latency(steady(card, LIGHT), 0), series, 0)
    assert latency.gpu is not None
    assert latency.gpu.graph is not None
    assert latency.gpu.graph.ratio < 0.1
    assert [note for note in latency.notes if "launch-bound" in note] == [latency.gpu.launch_bound]
    assert "replayed as a CUDA graph it takes 7% of its time" in latency.gpu.launch_bound


def test_a_profile_takes_a_graph_in_too() -> None:
    card = Card()
    clock = clock_of(card)
    runner = Runner(network(card, LIGHT), IMAGE, clock)
    found = time_steady(runner.run_ms, clock, min_runs=5, budget_s=1, precision=0.1)
    asked = add_to_profile(found, runner, replace(SETTINGS, cuda_graph=True), clock, None)
    assert asked.gpu is not None
    assert asked.gpu.graph is not None
    assert asked.gpu.graph.verdict == "faster"
    assert add_to_profile(found, runner, SETTINGS, clock, None) == found


@pytest.mark.parametrize(
    ("module", "fail", "says"),
    [
        (lambda card: Row(card, BASE[0], waits=True), "", "cannot be captured (operation not permitted when stream"),
        (lambda card: Row(card, BASE[0]), "out of memory", "cannot be captured (out of memory)"),
        (lambda card: Row(card, BASE[0], counts=True), "", "its replay does not give the forward's outputs"),
    ],
)
def test_a_capture_that_fails_is_one_sentence(module: Callable[[Card], nn.Module], fail: str, says: str) -> None:
    card = Card()
    card.fail_capture = fail
    clock = clock_of(card)
    runner = Runner(module(card), IMAGE, clock)
    sentence = graph_refusal(runner.module, IMAGE, card)
    assert sentence.startswith("no CUDA graph was timed: ")
    assert says in sentence
    assert "\n" not in sentence
    latency = add_to_profile(steady(card, LIGHT), runner, replace(SETTINGS, cuda_graph=True), clock, None)
    assert sentence in latency.notes
    assert latency.gpu is not None
    assert latency.gpu.graph is None


def test_a_users_own_forward_has_no_graph() -> None:
    card = Card()
    clock = clock_of(card)
    runner = Runner(network(card, LIGHT), IMAGE, clock)
    found = capture_graphs([runner], replace(SETTINGS, cuda_graph=True), clock, lambda module, image: module(image))
    assert (found.modules, list(found.refused)) == ((), [0])


def test_a_copy_of_a_graph_captures_anew() -> None:

    card = Card()
    graphed = Graphed(network(card, LIGHT), card)
    graphed(IMAGE)
    twin = copy.deepcopy(graphed)
    assert twin._graph is None
    twin(IMAGE)
    assert twin._graph is not graphed._graph


def energies(nvml: Nvml, card: Card) -> Any:
    clock = clock_of(card, NvmlSensor(nvml, "card"))
    runners = [Runner(network(card, rows), IMAGE, clock) for rows in (BASE, MORE)]
    series = run_blocks([r.module for r in runners], IMAGE, replace(SETTINGS, time_budget_s=1.0), clock=clock)
    latencies = [series.witness.of_latency(steady(card, rows), arm) for arm, rows in enumerate((BASE, MORE))]
    before_ns = card.host_ns
    found = add_energy(latencies, (judge(series, 1, 0.005),), runners, replace(SETTINGS, energy=True), clock)
    return *found, (card.host_ns - before_ns) / 1e9


def test_energy_comes_from_blocks_there_and_back() -> None:
    card = Card()
    latencies, (paired,), seconds = energies(Nvml(card), card)
    assert [one.gpu.energy_mj for one in latencies] == pytest.approx([4.0 * 200, 4.4 * 200], rel=0.01)
    assert paired.gpu.energy_ratio == pytest.approx(1.1, abs=0.01)
    assert paired.gpu.energy_halves == pytest.approx((1.1, 1.1), abs=0.01)
    assert seconds == pytest.approx(4 * 2.0, abs=0.1)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda nvml: nvml.processes.update({7: 1}), "another process uses the card"),
        (lambda nvml: nvml.processes.update({7: 1, 8: 1}), "2 other processes use the card"),
        (lambda nvml: nvml.processes.clear(), "does not list this card's processes"),
        (lambda nvml: setattr(nvml, "mig", 1), "split by MIG"),
        (lambda nvml: nvml.unsupported.add("nvmlDeviceGetTotalEnergyConsumption"), "has no energy counter"),
        (lambda nvml: setattr(nvml, "watts", 0.0), "stood still"),
    ],
)
def test_energy_that_cannot_be_trusted_is_refused(change: Callable[[Nvml], object], says: str) -> None:
    card = Card()
    nvml = Nvml(card)
    change(nvml)
    latencies, (paired,), _ = energies(nvml, card)
    assert paired.gpu.energy_ratio is None
    for one in latencies:
        assert one.gpu.energy_mj is None
        assert one.notes[-1].startswith("energy was not measured: ")
        assert says in one.notes[-1]


def test_energy_is_refused_where_another_process_came_meanwhile() -> None:
    card = Card()
    nvml = Nvml(card)
    runs = iter(range(10**6))

    def run() -> None:
        card.host_ns += 10**8
        if next(runs) == 50:
            nvml.processes[7] = 1

    found = measure_energy([run, run], NvmlSensor(nvml, "card"), lambda: card.host_ns / 1e9)
    assert found == "energy was not measured: another process uses the card, and its counter counts them all"


def test_an_interrupt_ends_energy_only() -> None:
    card = Card()

    def run() -> None:
        raise KeyboardInterrupt

    found = measure_energy([run], NvmlSensor(Nvml(card), "card"), lambda: card.host_ns / 1e9)
    assert found == "energy was not measured: interrupted"


def test_it_is_saved_and_read_again() -> None:
    from surgeon.profiler.saved import from_json, to_json

    card = Card()
    _, (paired,), _ = energies(Nvml(card), card)
    comparison = Comparison(results=(), paired=(paired,))
    assert from_json(to_json(comparison)) == comparison


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU that PyTorch sees")
def test_a_real_card_compares_and_replays() -> None:
    from surgeon.profiler.timing.cuda import cuda_clock

    device = torch.device("cuda")
    clock = cuda_clock(device)
    settings = replace(SETTINGS, device="cuda", cuda_graph=True)
    layers = [nn.Conv2d(16, 16, 3, padding=1) for _ in range(30)]
    image = torch.rand(1, 16, 64, 64, device=device)
    arms = [nn.Sequential(*layers[:n]).cuda().eval() for n in (10, 30)]
    runners = [Runner(arm, image, clock) for arm in arms]
    graphs = capture_graphs(runners, settings, clock, None)
    assert graphs.refused == {}
    series = run_blocks([*arms, *graphs.modules], image, settings, clock=clock)
    found = graphs.of_pair(judge(series, 1, 0.005), series, 1)
    assert found.gpu is not None
    assert found.ratio > 1
    assert found.gpu.graph is not None
    assert found.gpu.graph.ratio > 1
