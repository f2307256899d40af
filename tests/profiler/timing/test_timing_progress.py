"""Timing says how far it is, and never inside an interval that is timed: telling takes half a second here."""

from __future__ import annotations

import itertools

import torch
from profiler_support import FakeClock, Slow, chain_graph
from torch import nn

from surgeon import progress
from surgeon.profiler.measure import compare_modules
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.subject import Subject
from surgeon.profiler.timing.paired import run_blocks
from surgeon.profiler.timing.steady import time_steady


class Slowing:
    """Takes half a second whenever it is told something."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock, self.steps, self.parts = clock, [], []

    def begin(self, what: str, *, early: bool = False) -> None:
        self.clock.ms += 500
        self.steps.append(what)

    def reached(self, part: float) -> None:
        self.clock.ms += 500
        self.parts.append(part)


def test_a_steady_series_holds_nothing_of_it() -> None:
    clock = FakeClock()
    listener = Slowing(clock)
    network = Slow(clock, itertools.repeat(10.0))
    image = torch.zeros(1)
    with progress.told(listener):
        found = time_steady(
            lambda: clock.run_ms(lambda: network(image)), clock, min_runs=1000, budget_s=10, precision=0.005
        )
    assert set(found.samples_ms) == {10.0} and len(found.samples_ms) > 5
    assert listener.parts == sorted(listener.parts) and 0 < listener.parts[0] < 0.3 and listener.parts[-1] > 0.9


def test_paired_blocks_hold_nothing_of_it() -> None:
    clock = FakeClock()
    listener = Slowing(clock)
    networks = [Slow(clock, itertools.cycle([10.0, 11.0])), Slow(clock, itertools.cycle([20.0, 23.0, 21.0]))]
    with progress.told(listener):
        series = run_blocks(networks, torch.zeros(1), ProfileSettings(time_budget_s=20.0), clock=clock)
    assert set(series.samples_ms[0]) == {10.0, 11.0} and set(series.samples_ms[1]) == {20.0, 21.0, 23.0}
    assert listener.parts == sorted(listener.parts) and len(listener.parts) > 5


def test_a_comparison_says_its_steps() -> None:
    clock = FakeClock()
    listener = Slowing(clock)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), Slow(clock, itertools.repeat(10.0)))
    subjects = [Subject(module=module, graph=chain_graph(module), name=name, source=name) for name in ("a", "b")]
    with progress.told(listener):
        compare_modules(subjects, ProfileSettings(imgsz=(32, 32), time_budget_s=5.0), clock=clock)
    assert listener.steps == ["counting a", "counting b", "timing 2 networks in random order", "timing rows"]
