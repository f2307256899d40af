"""Beside the forwards on a replayed card: CUDA graphs as arms of their own, and energy."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from fake_gpu import IMAGE, Card, Nvml, Row, network
from torch import nn

from surgeon.profiler.gpu_arms import add_energy, add_to_profile, capture_graphs
from surgeon.profiler.results import Comparison
from surgeon.profiler.saved import from_json, to_json
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.timing.cuda import CudaClock, cuda_clock
from surgeon.profiler.timing.cuda_graph import Graphed, graph_refusal
from surgeon.profiler.timing.energy import Energy, measure_energy
from surgeon.profiler.timing.nvml import GpuSensor, NvmlSensor
from surgeon.profiler.timing.paired import judge, run_blocks
from surgeon.profiler.timing.runner import Runner
from surgeon.profiler.timing.steady import time_steady

SETTINGS = ProfileSettings(imgsz=(8, 8), time_budget_s=6.0)
BASE = [[(5, 2000), (5, 2000)]]
MORE = [[(5, 2000), (5, 2400)]]
LIGHT = [[(30, 2)] * 100]


def clock_of(card: Card, sensor: GpuSensor | None = None) -> CudaClock:
    return CudaClock(torch.device("cpu"), cuda=card, now_ns=card.now_ns, sensor=sensor)


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


def test_a_replay_that_does_nothing_is_no_graph() -> None:
    card = Card()
    card.deaf = True
    assert graph_refusal(network(card, LIGHT), IMAGE, card).endswith("does not give the forward's outputs")
    card.deaf = False
    assert graph_refusal(network(card, LIGHT), IMAGE, card) == ""


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


def test_a_card_that_warms_up_favours_nobody() -> None:
    card = Card()
    nvml = Nvml(card)
    nvml.drift = 10.0

    def run() -> None:
        card.host_ns += 10**7

    found = measure_energy([run, run, run], NvmlSensor(nvml, "card"), lambda: card.host_ns / 1e9)
    assert isinstance(found, Energy)
    assert found.mean_mj(0) == found.mean_mj(1) == found.mean_mj(2)
    first, second = found.ratios(2)
    assert first > 1.1 > 1 > second


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
    card = Card()
    _, (paired,), _ = energies(Nvml(card), card)
    comparison = Comparison(results=(), paired=(paired,))
    assert from_json(to_json(comparison)) == comparison


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU that PyTorch sees")
def test_a_real_card_compares_and_replays() -> None:
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
