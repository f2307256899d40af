"""A whole profile and a whole comparison on a replayed card, through the code that a real one would take."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from fake_gpu import Card, Launches, Nvml, network
from profiler_support import chain_graph

from surgeon.profiler.bench import Bench
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.subject import Subject
from surgeon.profiler.timing.cuda import CudaClock
from surgeon.profiler.timing.nvml import NvmlSensor

SETTINGS = ProfileSettings(
    imgsz=(8, 8), time_budget_s=10.0, fused=False, cold=True, cuda_graph=True, energy=True, precision=0.01
)
PLAIN = replace(SETTINGS, cuda_graph=False, energy=False)
HEAVY: list[Launches] = [[(5, 2000)], [(5, 1000), (5, 1000)]]
LIGHT: list[Launches] = [[(30, 5)] * 20, [(30, 5)] * 60]


@pytest.fixture
def card() -> Card:
    return Card()


def bench(card: Card, flushed: list[int]) -> Bench:
    def flush() -> None:
        flushed.append(card.host_ns)

    sensor = NvmlSensor(Nvml(card), "card")
    device = torch.device("cpu")
    clock = CudaClock(device, cuda=card, now_ns=card.now_ns, sensor=sensor, flush=flush, kineto=card.kineto)
    return Bench(SETTINGS, clock)


def subject(card: Card, rows: list[Launches], name: str) -> Subject:
    module = network(card, rows)
    return Subject(module=module, graph=chain_graph(module), name=name, source=name)


def test_a_profile(card: Card) -> None:
    flushed: list[int] = []
    found = bench(card, flushed).time_one(subject(card, LIGHT, "light"))
    latency = found.latency
    assert latency is not None
    assert latency.gpu is not None
    gpu = latency.gpu
    assert latency.median_ms == pytest.approx(2.406)
    assert (gpu.median_span_ms, gpu.median_enqueue_ms) == pytest.approx((2.405, 2.401))
    assert gpu.graph is not None
    assert gpu.graph.candidate == pytest.approx(0.412, abs=0.002)
    assert gpu.energy_mj == pytest.approx(2.406 * 200, rel=0.01)
    assert gpu.launch_bound in latency.notes
    assert found.rows is not None
    assert sum(ms for ms, _ in found.rows.rows_ms.values()) + found.rows.unattributed_ms == pytest.approx(2.406)
    assert len(flushed) > len(latency.samples_ms)
    assert found.busy is not None
    assert found.busy.rows_ms == pytest.approx({"0": 0.1, "1": 0.3})
    assert (found.busy.network_ms, found.busy.runs) == (pytest.approx(0.4), 5)


def test_a_comparison(card: Card) -> None:
    """More launches against longer kernels: the candidate is slower by the card, and faster by the host."""
    subjects = [subject(card, LIGHT, "light"), subject(card, HEAVY, "heavy")]
    timed, (paired,) = bench(card, []).time_together(subjects, seed=0, announce=lambda _: None)
    gpu = paired.gpu
    assert gpu is not None
    assert gpu.graph is not None
    assert (paired.verdict, gpu.span.verdict, gpu.enqueue.verdict, gpu.graph.verdict) == (
        *("slower", "slower"),
        *("faster", "slower"),
    )
    assert paired.ratio == pytest.approx(4.006 / 2.406, rel=0.001)
    assert gpu.graph.ratio == pytest.approx(4.012 / 0.412, rel=0.01)
    assert gpu.confirmed is True
    assert gpu.energy_ratio == pytest.approx(4.006 / 2.406, rel=0.01)
    assert [one.latency is not None and one.rows is not None for one in timed] == [True, True]
    assert [bool(one.latency and one.latency.gpu and one.latency.gpu.launch_bound) for one in timed] == [True, False]


def test_nothing_is_asked_for_that_was_not(card: Card) -> None:
    plain = replace(bench(card, []), settings=PLAIN)
    _, (paired,) = plain.time_together(
        [subject(card, HEAVY, "a"), subject(card, HEAVY, "b")], seed=0, announce=lambda _: None
    )
    assert paired.gpu is not None
    assert (paired.verdict, paired.gpu.graph, paired.gpu.energy_ratio, paired.gpu.energy_halves) == (
        *("same", None),
        *(None, ()),
    )
    assert "device" not in card.calls  # no capture


def test_without_cupti_there_are_no_kernel_times_and_a_reason(card: Card) -> None:
    card.cupti = False
    found = replace(bench(card, []), settings=PLAIN).time_one(subject(card, LIGHT, "light"))
    assert found.rows is not None and found.busy is None
    assert found.latency is not None
    (note,) = [one for one in found.latency.notes if "kernel-busy" in one]
    assert note.startswith("kernel-busy times were not taken: the trace holds no kernels, ") and "CUPTI" in note


def test_an_interrupt_of_the_recording_keeps_the_rest(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(call: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(card, "kineto", interrupted)
    found = replace(bench(card, []), settings=PLAIN).time_one(subject(card, LIGHT, "light"))
    assert found.latency is not None and found.rows is not None and found.busy is None
    assert "kernel-busy times were not taken: interrupted" in found.latency.notes
