"""What a pass holds in memory: closed forms, a simulation of any chain, and PyTorch's own allocator."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from profiler_support import chain_graph, ultralytics_graph, ultralytics_model
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.profiler.flops.count import count
from surgeon.profiler.flops.liveness import Liveness, MemoryLog
from surgeon.profiler.memory import measure_memory
from surgeon.profiler.timing.clock import CpuClock
from surgeon.profiler.timing.runner import Runner

SIDE = 8
U = 4 * SIDE * SIDE
"""Bytes of a map of one channel."""


def held(*rows: nn.Module, operators_only: bool = False) -> Liveness:
    model = nn.Sequential(*rows)
    return count(model, chain_graph(model), (SIDE, SIDE), operators_only=operators_only).memory()


def conv(inner: int, outer: int) -> nn.Conv2d:
    return nn.Conv2d(inner, outer, 1)


def test_a_chain_holds_what_goes_in_and_what_comes_out() -> None:
    found = held(conv(3, 8), conv(8, 4), conv(4, 16), conv(16, 2))
    assert found.row_peaks == {"0": 8 * U, "1": 12 * U, "2": 20 * U, "3": 18 * U}
    assert (found.peak_bytes, found.peak_row, found.sum_bytes) == (20 * U, "2", 30 * U)


def test_in_place_takes_nothing_and_a_view_keeps_its_map() -> None:
    assert held(conv(3, 8), nn.SiLU(inplace=True)).sum_bytes == 8 * U
    assert held(conv(3, 8), nn.SiLU()).peak_bytes == 16 * U
    found = held(conv(3, 8), nn.Flatten(), nn.Unflatten(1, (8, SIDE, SIDE)), conv(8, 1))
    assert (found.peak_bytes, found.sum_bytes) == (9 * U, 9 * U)
    assert found.row_peaks["1"] == 8 * U  # allocates nothing, holds what it looks at


def test_batch_norm_makes_a_map_and_its_statistics() -> None:
    found = held(conv(3, 8), nn.BatchNorm2d(8))
    assert found.peak_bytes == 16 * U + 2 * 4 * 8


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = conv(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x)


class Branches(nn.Module):
    """As a C2f: halves, a branch on one of them, everything side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.branch, self.last = conv(4, 4), conv(12, 2)

    def forward(self, x: Tensor) -> Tensor:
        parts = list(x.chunk(2, 1))
        parts.append(self.branch(parts[-1]))
        return self.last(torch.cat(parts, 1))


def test_residuals_and_branches() -> None:
    assert held(conv(3, 8), Residual()).peak_bytes == 3 * 8 * U
    found = held(conv(3, 8), Branches())
    assert found.peak_bytes == (8 + 4 + 12 + 2) * U
    assert found.peak_row == "1"


class Caching(nn.Module):
    """Keeps a grid for its next pass, as a detection head keeps its anchors."""

    def __init__(self) -> None:
        super().__init__()
        self.grid: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.grid is None:
            self.grid = torch.full(x.shape, 1.0, dtype=x.dtype, device=x.device)
        return x * self.grid


def test_what_the_next_pass_finds_ready_is_left_out() -> None:
    found = held(conv(3, 8), Caching())
    assert (found.peak_bytes, found.sum_bytes) == (16 * U, 16 * U)


def test_pooling_holds_its_indices_and_a_strided_softmax_its_copy() -> None:
    assert held(conv(3, 8), nn.MaxPool2d(2)).peak_bytes == 8 * U + 3 * 8 * U // 4

    class Strided(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.transpose(2, 3).softmax(1)

    assert held(conv(3, 8), Strided()).peak_bytes == 3 * 8 * U


STEPS = ("relu", "in place", "view", "keep", "add", "cat", "drop", "pool")


class Program(nn.Module):
    def __init__(self, steps: list[str]) -> None:
        super().__init__()
        self.steps = steps

    def forward(self, x: Tensor) -> Tensor:
        kept: list[Tensor] = []
        for step in self.steps:
            if step == "keep":
                kept.append(x)
            elif step == "relu":
                x = F.relu(x)
            elif step == "in place":
                x = F.relu(x, inplace=True)
            elif step == "view":
                x = x.view(x.shape)
            elif step == "pool":
                x = F.max_pool2d(x, 1)
            elif kept and step == "drop":
                kept.pop()
            elif kept and step == "add" and kept[-1].shape == x.shape:
                x = x + kept.pop()
            elif kept and step == "cat":
                x = torch.cat([x, kept.pop()], 1)
        return x


def simulated(steps: list[str]) -> tuple[int, int]:
    """Peak and sum by keeping the books of a `Program` by hand: ``(number, channels)`` is a map, 0 the image."""
    x, kept, peak, made = (0, 3), [], 0, []  # type: ignore[var-annotated]

    def make(channels: int, beside: int = 0, *operands: tuple[int, int]) -> tuple[int, int]:
        nonlocal peak
        new = (len(made) + 1, channels)
        made.append(channels + beside)
        alive = {one for one in (*kept, x, *operands, new) if one[0]}
        peak = max(peak, sum(one[1] for one in alive) + beside)
        return new

    for step in steps:
        if step == "keep":
            kept.append(x)
        elif step == "relu":
            x = make(x[1])
        elif step == "pool":
            x = make(x[1], 2 * x[1])
        elif kept and step == "drop":
            kept.pop()
        elif kept and step == "add" and kept[-1][1] == x[1]:
            x = make(x[1], 0, kept.pop())
        elif kept and step == "cat":
            other = kept.pop()
            x = make(x[1] + other[1], 0, other)
    return peak * U, sum(made) * U


@pytest.mark.parametrize("operators_only", [False, True], ids=["rules", "operators"])
def test_any_chain_as_simulated(operators_only: bool) -> None:
    @settings(max_examples=40, deadline=None, derandomize=True)
    @given(st.lists(st.sampled_from(STEPS), max_size=14))
    def check(steps: list[str]) -> None:
        found = held(Program(steps), operators_only=operators_only)
        assert (found.peak_bytes, found.sum_bytes) == simulated(steps)

    check()


def test_a_pass_on_the_cpu_holds_the_same() -> None:
    class LooksAtData(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x if float(x.sum()) > 0 else x.neg()

    rows = (conv(3, 8), nn.BatchNorm2d(8), Branches())
    assert held(nn.ReLU(), *rows, LooksAtData()).row_peaks["3"] == held(nn.ReLU(), *rows).row_peaks["3"]


def test_what_ends_after_the_pass_changes_nothing() -> None:
    log = MemoryLog()
    log.events.append("a")
    output = log.made(10)
    log.close([output])
    del output
    assert log.summary() == Liveness(peak_bytes=10, sum_bytes=10, peak_row="a", row_peaks={"a": 10})


MEASURED = [  # network, fused
    ("yolov8n", False),
    ("yolov8n", True),
    ("yolo11n", True),
    ("yolov9t", True),
    ("yolov8n-cls", True),
    ("yolo12n", True),
    ("yolov5n", True),  # its peak stands where oneDNN packs a convolution's operands
    ("yolov3-tiny", True),  # and here, where it packs 18 MiB of weights
]


@pytest.mark.parametrize(("name", "fused"), MEASURED)
def test_as_the_allocator_measures_it(name: str, fused: bool) -> None:
    """To the byte, what products take for themselves apart."""
    model = ultralytics_model(name).eval()
    network = copy.deepcopy(model).fuse(verbose=False) if fused else model
    runner = Runner(network, torch.rand(1, 3, 320, 320), CpuClock())
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        measured = measure_memory(runner, "cpu")
    finally:
        torch.set_num_threads(threads)
    predicted = count(network, ultralytics_graph(network), (320, 320)).memory().peak_bytes
    assert predicted == measured.without_scratch_bytes
    assert predicted <= (measured.peak_activation_bytes or 0)
