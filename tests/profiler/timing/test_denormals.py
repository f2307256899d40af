"""Subnormal weights: counted by row, flushed in every network that is timed, and the process left as it was."""

from __future__ import annotations

import pytest
import torch
from profiler_support import FakeClock, Slow
from torch import Tensor, nn

from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.timing.denormals import OUTSIDE, subnormals_by_row
from surgeon.profiler.timing.paired import time_paired
from surgeon.profiler.timing.quiet import flushes_denormals, quiet


def test_subnormal_weights_are_counted_by_row() -> None:
    net = nn.Sequential(nn.Conv2d(1, 1, 3), nn.Linear(4, 4), nn.BatchNorm2d(2))
    assert subnormals_by_row(net, ["0", "1", "2"]) == {}
    with torch.no_grad():
        net[1].weight[0, :3] = torch.tensor([1e-39, -1e-40, 0.0])
        net[1].weight[1, 0] = torch.finfo(torch.float32).tiny  # the smallest that is normal
        net[2].running_var[1] = 1e-42
    with quiet(1):  # where they are flushed they are seen all the same
        assert subnormals_by_row(net, ["0", "1", "2"]) == {"1": 2, "2": 1}
    assert subnormals_by_row(net, ["0"]) == {OUTSIDE: 3}


def test_what_is_inside_counts_once() -> None:
    inner = nn.Linear(2, 2, bias=False)
    nn.init.constant_(inner.weight, 1e-39)
    net = nn.Sequential(nn.Sequential(inner, nn.ReLU()), nn.Sequential(inner))
    assert subnormals_by_row(net, ["0", "0.0", "1"]) == {"0.0": 4}
    assert subnormals_by_row(nn.Sequential(*(nn.Sequential() for _ in range(11)), inner), ["1", "11"]) == {"11": 4}


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [(torch.bfloat16, 1e-39, 1), (torch.float64, 1e-310, 1), (torch.float64, 1e-39, 0), (torch.float16, 1e-7, 0)],
)
def test_types(kind: torch.dtype, value: float, expected: int) -> None:
    net = nn.Linear(1, 1, bias=False).to(kind)
    with torch.no_grad():
        net.weight.copy_(torch.full((1, 1), value, dtype=kind))
    assert sum(subnormals_by_row(net, [""]).values()) == expected


class Watching(nn.Module):
    """Notes for every run whether denormals are flushed, and takes its time on a clock."""

    def __init__(self, clock: FakeClock, seen: list[bool]) -> None:
        super().__init__()
        self.slow, self.seen = Slow(clock, iter(lambda: 10.0, None)), seen

    def __deepcopy__(self, memo: object) -> Watching:
        return Watching(self.slow.clock, self.seen)

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(flushes_denormals())
        return self.slow(x)


@pytest.mark.parametrize("before", [False, True])
def test_every_network_is_timed_with_denormals_flushed(before: bool) -> None:
    clock, baseline, candidate = FakeClock(), list[bool](), list[bool]()
    torch.set_flush_denormal(before)
    try:
        nets = [Watching(clock, baseline), Watching(clock, candidate)]
        time_paired(nets, ProfileSettings(imgsz=(4, 4), time_budget_s=1.0), clock=clock)
        assert len(baseline) >= 10
        assert all(baseline + candidate)
        assert flushes_denormals() == before
    finally:
        torch.set_flush_denormal(False)
