"""The CUDA clock on a replayed timeline: three times a run, rows without a wait, warm-up, cold runs."""

from __future__ import annotations

import pytest
import torch
from fake_gpu import IMAGE, Card, Nvml, Row, network
from torch import nn

from surgeon.profiler.cuda_memory import measure_cuda_memory
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.timing.cuda import CudaClock, cuda_clock, flushed_bytes, kernel_flags
from surgeon.profiler.timing.launch_bound import launch_bound
from surgeon.profiler.timing.nvml import NvmlSensor
from surgeon.profiler.timing.rows import OUTSIDE, time_rows
from surgeon.profiler.timing.runner import Runner
from surgeon.profiler.timing.steady import time_steady
from surgeon.profiler.timing.warmup import warm_up

HEAVY = [[(5, 400), (5, 600)], [(5, 2000)], [(5, 1000)]]
"""A network whose kernels are long: 4 ms of the card for 20 us of the host."""

LIGHT = [[(30, 2)] * 40, [(30, 2)] * 60]
"""A network of many small kernels: 3 ms of the host for 0.2 ms of the card."""


def clock_of(card: Card, **more: object) -> CudaClock:
    return CudaClock(torch.device("cpu"), cuda=card, now_ns=card.now_ns, **more)


def test_three_times_of_a_heavy_run() -> None:
    card = Card()
    clock = clock_of(card)
    runner = Runner(network(card, HEAVY), IMAGE, clock)
    wall = runner.run_ms()
    last = clock.last
    assert wall == last.wall_ms == pytest.approx(4.006)  # an event, a launch, 4 ms of kernels
    assert last.span_ms == pytest.approx(4.005)
    assert last.enqueue_ms == pytest.approx(0.021)
    assert card.calls == ["synchronize", "record", "record", "synchronize"]


def test_a_light_run_waits_for_the_host() -> None:
    card = Card()
    clock = clock_of(card)
    Runner(network(card, LIGHT), IMAGE, clock).run_ms()
    assert clock.last.enqueue_ms == pytest.approx(3.001)
    assert clock.last.span_ms == pytest.approx(3.002)
    assert "3.00 ms of the 3.00 ms" in launch_bound(clock.last.enqueue_ms, clock.last.span_ms)


def test_events_are_used_again() -> None:
    card = Card()
    clock = clock_of(card)
    runner = Runner(network(card, HEAVY), IMAGE, clock)
    for _ in range(50):
        runner.run_ms()
    assert card.events == 2


@pytest.mark.parametrize(
    ("enqueue", "span", "graph", "says"),
    [
        (1.0, 4.0, None, ""),
        (3.2, 4.0, None, ""),
        (3.21, 4.0, None, "the host enqueues for 3.21 ms of the 4.00 ms"),
        (1.0, 4.0, 0.8, ""),
        (1.0, 4.0, 0.62, "replayed as a CUDA graph it takes 62% of its time"),
        (3.9, 4.0, 0.62, "and replayed as a CUDA graph"),
    ],
)
def test_launch_bound_is_said_with_its_sign(enqueue: float, span: float, graph: float | None, says: str) -> None:
    sentence = launch_bound(enqueue, span, graph)
    assert says in sentence
    assert bool(says) == sentence.startswith("launch-bound: ")


def test_rows_tile_the_stream_without_a_wait() -> None:
    """n rows take n + 1 stamps of their own, two frame the run, and the device is waited for only around it."""
    card = Card()
    clock = clock_of(card)
    runner = Runner(network(card, HEAVY), IMAGE, clock)
    (shares,) = time_rows([runner], [["0", "1", "2"]], clock, budget_s=0.1)
    card.calls.clear()
    time_rows([runner], [["0", "1", "2"]], clock, budget_s=0.1)
    run = ["synchronize", *["record"] * (len(HEAVY) + 3), "synchronize"]
    assert card.calls[: len(run)] == run
    assert sum(share.share for share in shares.values()) == pytest.approx(1)
    assert [shares[row].share for row in "012"] == pytest.approx([0.25, 0.5, 0.25], abs=0.01)
    assert shares[OUTSIDE].share < 0.01


def test_a_gap_falls_on_the_row_that_waits() -> None:
    card = Card()
    clock = clock_of(card)
    rows = [[(5, 1000)], [(3000, 1000)], [(5, 1000)]]
    (shares,) = time_rows([Runner(network(card, rows), IMAGE, clock)], [["0", "1", "2"]], clock, budget_s=0.1)
    assert [shares[row].share for row in "012"] == pytest.approx([0.2, 0.6, 0.2], abs=0.01)


def test_a_shape_is_warmed_for_ten_runs_and_half_a_second() -> None:
    card = Card()
    clock = clock_of(card)
    found = time_steady(
        Runner(network(card, HEAVY), IMAGE, clock).run_ms, clock, min_runs=30, budget_s=10, precision=0.005
    )
    assert found.warmup_runs == 125  # of 4 ms
    slow = warm_up(iter([100.0] * 50).__next__, min_runs=clock.warmup_runs, min_s=clock.warmup_s)
    assert len(slow) == 10
    assert len(warm_up(lambda: 0.0, min_runs=10, min_s=0.5)) == 5000


def test_a_profile_keeps_the_three_times_of_every_run() -> None:
    card = Card()
    clock = clock_of(card, sensor=NvmlSensor(Nvml(), "card"))
    found = time_steady(
        Runner(network(card, LIGHT), IMAGE, clock).run_ms, clock, min_runs=30, budget_s=2, precision=0.005
    )
    gpu = found.gpu
    assert gpu is not None
    assert len(gpu.span_ms) == len(gpu.enqueue_ms) == len(found.samples_ms) >= 30
    assert (gpu.median_span_ms, gpu.median_enqueue_ms, gpu.sm_clock_mhz) == pytest.approx((3.002, 3.001, 1980))
    assert gpu.launch_bound in found.notes
    assert gpu.flags == kernel_flags()
    assert gpu.flags["cudnn.benchmark"] is torch.backends.cudnn.benchmark


def test_throttled_runs_of_a_profile_do_not_count() -> None:
    card, nvml = Card(), Nvml()
    asked = iter(range(10**6))
    nvml.reasons = lambda: 0x04 if next(asked) % 10 == 0 else 0x03  # idle and application clocks are no throttling
    clock = clock_of(card, sensor=NvmlSensor(nvml, "card"))
    found = time_steady(
        Runner(network(card, HEAVY), IMAGE, clock).run_ms, clock, min_runs=30, budget_s=10, precision=0.005
    )
    assert found.gpu is not None
    assert found.gpu.dropped == pytest.approx(len(found.samples_ms) / 9, abs=1)
    assert found.gpu.dropped_by == {"power cap": found.gpu.dropped}
    assert "dropped as throttled (power cap in " in found.notes[-1]


def test_cold_runs_empty_the_cache_before_each_run() -> None:
    card = Card()
    flushed: list[int] = []

    def flush() -> None:
        flushed.append(card.host_ns)
        card.work(100)

    clock = clock_of(card, flush=flush)
    runner = Runner(network(card, HEAVY), IMAGE, clock)
    assert runner.run_ms() == pytest.approx(4.006)  # the emptying is waited for, and is not in the run
    time_rows([runner], [["0", "1", "2"]], clock, budget_s=0.05)
    assert len(flushed) >= 6
    assert flushed_bytes(6 << 20) == 256_000_000
    assert flushed_bytes(256 << 20) == 512 << 20


def test_memory_is_what_the_allocator_and_the_driver_say() -> None:
    card, nvml = Card(), Nvml()

    class Hungry(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            card.calls.append("run")
            card.allocated |= {"peak": max(card.allocated["peak"], 850), "reserved": 2048}
            return x

    runner = Runner(Hungry(), IMAGE, clock_of(card))
    found = measure_cuda_memory(runner, torch.device("cpu"), NvmlSensor(nvml, "card"), parameter_bytes=12, cuda=card)
    assert (found.peak_activation_bytes, found.parameter_bytes) == (750, 12)
    assert (found.allocated_bytes, found.reserved_bytes, found.process_bytes) == (850, 2048, 600_000_000)
    assert card.calls == [*["run"] * 3, "synchronize", "empty_cache", "reset_peak", "run", "synchronize"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU that PyTorch sees")
@pytest.mark.parametrize("cold", [False, True])
def test_a_real_card_is_timed(cold: bool) -> None:
    device = torch.device("cuda")
    net = nn.Sequential(*(nn.Conv2d(16, 16, 3, padding=1) for _ in range(4))).cuda().eval()
    clock = cuda_clock(device, cold=cold)
    runner = Runner(net, torch.rand(1, 16, 320, 320, device=device), clock)
    settings = ProfileSettings()
    found = time_steady(runner.run_ms, clock, min_runs=30, budget_s=3, precision=settings.precision)
    assert found.gpu is not None
    last = clock.last
    assert 0 < last.enqueue_ms <= last.wall_ms
    assert 0 < last.span_ms <= last.wall_ms
    (shares,) = time_rows([runner], [["0", "1", "2", "3"]], clock, budget_s=0.5)
    assert sum(share.share for share in shares.values()) == pytest.approx(1)
    memory = measure_cuda_memory(runner, device, clock.sensor, parameter_bytes=1)
    assert (memory.reserved_bytes or 0) >= (memory.allocated_bytes or 0) > (memory.peak_activation_bytes or 0) > 0


def test_a_waiting_row_counts_as_the_hosts_time() -> None:
    card = Card()
    clock = clock_of(card)
    net = nn.Sequential(Row(card, [(5, 1000)], waits=True), Row(card, [(5, 1000)]))
    Runner(net, IMAGE, clock).run_ms()
    assert clock.last.enqueue_ms == pytest.approx(1.011)
