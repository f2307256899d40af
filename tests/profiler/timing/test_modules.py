"""Time of nested modules."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from surgeon.profiler.timing.modules import inclusive, own_paths, time_modules
from surgeon.profiler.timing.rows import RowShare
from surgeon.profiler.timing.runner import Runner


def share(value: float) -> RowShare:
    return RowShare(share=value, plus_minus=0.0)


def test_a_module_has_what_is_in_it() -> None:
    found = inclusive({"": share(0.1), "a": share(0.1), "a.b": share(0.3), "a.b.c": share(0.4), "d": share(0.1)})
    assert found == pytest.approx({"": 1.0, "a": 0.8, "a.b": 0.7, "a.b.c": 0.4, "d": 0.1})


def test_shared_modules_are_left_to_their_callers() -> None:
    act = nn.SiLU()
    network = nn.Sequential(nn.Sequential(nn.Conv2d(3, 3, 1), act), nn.Sequential(nn.Conv2d(3, 3, 1), act))
    assert own_paths(network) == ["0", "0.0", "1", "1.0"]


class Ticking:
    """A clock on which every stamp is a millisecond after the one before."""

    warmup_runs = 1

    def __init__(self) -> None:
        self.now = 0

    def now_s(self) -> float:
        return self.now / 1000

    def run_ms(self, call) -> float:
        call()
        return 1.0

    def mark(self) -> int:
        self.now += 1
        return self.now

    def spans_ms(self, marks) -> list[float]:
        return [float(b - a) for a, b in pairwise(marks)]


def test_modules_sum_to_the_run() -> None:
    network = nn.Sequential(nn.Sequential(nn.Identity(), nn.Identity()), nn.Identity())
    clock = Ticking()
    found = time_modules(Runner(network, torch.zeros(1), clock), clock, budget_s=0.001, end_to_end_ms=9.0)
    assert found[""] == pytest.approx(9.0)
    assert found["0"] > found["0.0"] > 0 and found["0.0"] == pytest.approx(found["0.1"])
    assert found["0"] + found["1"] < 9.0
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
