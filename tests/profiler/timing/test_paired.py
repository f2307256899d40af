"""The estimator on networks whose times a test makes up."""

from __future__ import annotations

import gc
import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from profiler_support import FakeClock, Slow, state_of
from torch import nn

from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.timing.paired import judge, run_blocks, time_paired

SETTINGS = ProfileSettings(imgsz=(8, 8), time_budget_s=10.0)


def steady(ms: float) -> Iterator[float]:
    return itertools.repeat(ms)


def noisy(rng: random.Random, ms: float, noise: float = 0.02) -> Iterator[float]:
    """One machine's times: autocorrelated, with outliers. Networks that share it share its moods."""
    level = 0.0
    while True:
        level = 0.83 * level + rng.gauss(0, noise)
        yield ms * math.exp(level) * (2 if rng.random() < 0.03 else 1)


def pair(factor: float, times: Iterator[float], clock: FakeClock) -> list[nn.Module]:
    return [Slow(clock, times), Slow(clock, times, factor)]


def test_exactly_equal_networks_are_the_same() -> None:
    clock = FakeClock()
    (result,) = time_paired(pair(1.0, steady(20.0), clock), SETTINGS, clock=clock)
    assert (result.verdict, result.ratio, result.ratio_low, result.ratio_high) == ("same", 1.0, 1.0, 1.0)
    assert result.stopped_by == "precision"
    assert result.reason == ""
    assert len(result.epoch_pairs) == 3
    assert sum(result.epoch_pairs) == result.pairs == len(result.log_ratios) >= 10


@pytest.mark.parametrize(("factor", "word"), [(1.1, "slower"), (0.9, "faster"), (1.003, "tiny"), (1.02, "slower")])
def test_known_factors_get_their_word(factor: float, word: str) -> None:
    clock = FakeClock()
    (result,) = time_paired(pair(factor, steady(20.0), clock), SETTINGS, clock=clock)
    assert result.verdict == word
    assert result.ratio == pytest.approx(factor)
    assert result.candidate_ms == pytest.approx(factor * result.baseline_ms)


def test_moody_machine_tells_no_lies() -> None:
    """Equal networks on an autocorrelated clock: none is told from the other, and 4 % slower ones are found."""
    wrong = found = 0
    for seed in range(6):
        for factor in (1.0, 1.04):
            clock = FakeClock()
            times = noisy(random.Random(seed), 20.0, noise=0.01)
            (result,) = time_paired(pair(factor, times, clock), SETTINGS, clock=clock, seed=seed)
            different = result.verdict in ("slower", "faster", "tiny")
            wrong += different and factor == 1.0
            found += result.verdict == "slower" and factor != 1.0
    assert wrong == 0
    assert found == 6


def test_a_budget_ends_it_and_the_reason_says_so() -> None:
    clock = FakeClock()
    times = noisy(random.Random(3), 20.0, noise=0.2)
    (result,) = time_paired(pair(1.0, times, clock), SETTINGS, clock=clock)
    assert result.verdict == "inconclusive"
    assert result.stopped_by == "budget"
    assert result.reason.startswith("between ")
    assert 10 <= result.elapsed_s <= 11
    assert len(result.epoch_pairs) == 3


def test_a_huge_network_does_not_run_far_over_the_budget() -> None:
    clock = FakeClock()
    (result,) = time_paired(pair(1.0, steady(4000.0), clock), SETTINGS, clock=clock)
    assert result.verdict == "inconclusive"
    assert result.pairs == 1
    assert "give a larger time budget" in result.reason
    assert (result.ratio_low, result.ratio_high) == (0.0, math.inf)


def test_where_another_epoch_does_not_fit_the_budget_is_still_used() -> None:
    clock = FakeClock()
    (result,) = time_paired(pair(1.1, steady(400.0), clock), SETTINGS, clock=clock)
    assert len(result.epoch_pairs) == 2
    assert 10 <= result.elapsed_s <= 11


def test_warming_up_a_restless_machine_leaves_time_for_pairs() -> None:
    clock = FakeClock()
    (result,) = time_paired(pair(1.0, itertools.cycle([60.0, 90.0, 120.0]), clock), SETTINGS, clock=clock)
    assert sum(result.epoch_pairs) * 2 * 90 > 0.8 * 10_000 or result.stopped_by == "precision"
    assert result.elapsed_s <= 10.5


def test_several_candidates_share_one_budget_and_one_baseline() -> None:
    clock = FakeClock()
    times = noisy(random.Random(5), 20.0, noise=0.003)
    modules = [Slow(clock, times), Slow(clock, times, 1.2), Slow(clock, times, 0.8)]
    slower, faster = time_paired(modules, SETTINGS, clock=clock)
    assert (slower.verdict, faster.verdict) == ("slower", "faster")
    assert slower.pairs == faster.pairs
    assert slower.baseline_ms == faster.baseline_ms
    assert slower.elapsed_s <= 10.5


def test_order_within_blocks_is_random_and_repeats_with_the_seed() -> None:
    def order(seed: int) -> list[str]:
        clock, seen = FakeClock(), []
        modules = [Slow(clock, steady(20.0)) for _ in range(2)]
        modules[0].register_forward_pre_hook(lambda *_: seen.append("a"))
        modules[1].factor = 2.0
        time_paired([_Named(clock, seen, "a"), _Named(clock, seen, "b")], SETTINGS, clock=clock, seed=seed)
        return seen

    first = order(1)
    assert first == order(1)
    assert first != order(2)
    assert first[::2] != first[1::2]


class _Named(Slow):
    """Notes its name whenever it runs; copies share the list."""

    def __init__(self, clock: FakeClock, seen: list[str], name: str) -> None:
        super().__init__(clock, itertools.repeat(20.0))
        self.seen, self.name = seen, name

    def __deepcopy__(self, memo: object) -> _Named:
        return _Named(self.clock, self.seen, self.name)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen.append(self.name)
        return super().forward(x)


def test_an_interrupt_keeps_what_was_measured() -> None:
    clock = FakeClock()
    clock.fail_after = 6 + 2 * 7 + 1  # warm-up of both, seven blocks, half a block
    (result,) = time_paired(pair(1.1, steady(20.0), clock), SETTINGS, clock=clock)
    assert result.stopped_by == "interrupt"
    assert result.pairs == 7
    assert "only 7 pairs" in result.reason


def test_an_interrupt_before_anything_is_measured_goes_on() -> None:
    clock = FakeClock()
    clock.fail_after = 4
    with pytest.raises(KeyboardInterrupt):
        time_paired(pair(1.1, steady(20.0), clock), SETTINGS, clock=clock)


class _Breaks(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert not gc.isenabled()
        assert torch.get_num_threads() == 1
        assert torch.is_inference_mode_enabled()
        raise ValueError("broken")


def test_everything_is_restored_after_an_error() -> None:
    before_threads = torch.get_num_threads()
    torch.set_num_threads(2)
    module = _Breaks().train()
    before = state_of(module)
    try:
        with pytest.raises(ValueError, match="broken"):
            time_paired([module, module], SETTINGS)
        assert state_of(module) == before
        assert gc.isenabled()
    finally:
        torch.set_num_threads(before_threads)


def test_real_networks_run_and_stay_as_they_are() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval()
    before = state_of(net)
    series = run_blocks([net, net], torch.zeros(1, 3, 8, 8), replace(SETTINGS, time_budget_s=0.05))
    assert state_of(net) == before
    result = judge(series, 1, 0.005)
    assert result.pairs == series.blocks == len(series.samples_ms[0])
    assert result.baseline_ms > 0
