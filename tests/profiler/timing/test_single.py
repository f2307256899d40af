"""Timing one network: warm-up, steady state, rows, and the quiet around them."""

from __future__ import annotations

import gc
import itertools
import math
import statistics
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from profiler_support import FakeClock, Slow
from torch import nn

from surgeon.profiler.timing.quiet import flushes_denormals, quiet
from surgeon.profiler.timing.rows import FEWEST_RUNS, OUTSIDE, RowShare, distribute, missing_rows, stamped, time_rows
from surgeon.profiler.timing.runner import Runner
from surgeon.profiler.timing.steady import summarise, time_steady
from surgeon.profiler.timing.warmup import is_warm, warm_up


def runs(clock: FakeClock, times: Iterator[float]):
    return lambda: clock.run_ms(lambda: setattr(clock, "ms", clock.ms + next(times)))


def test_warm_is_three_alike() -> None:
    assert not is_warm([20, 20])
    assert is_warm([100, 20, 21, 22])
    assert not is_warm([20, 20, 23])
    assert warm_up(iter([140.0, 110.0, 100.0, 101.0, 99.0]).__next__) == (140.0, 110.0, 100.0, 101.0)
    assert len(warm_up(itertools.count(1.0, 5.0).__next__)) == 20
    assert len(warm_up(itertools.repeat(1.0).__next__, min_runs=10)) == 10
    assert len(warm_up(itertools.cycle([100.0, 200.0]).__next__, allowance_s=0.5)) == 4


def test_steady_stops_when_precise() -> None:
    clock = FakeClock()
    times = itertools.chain([60.0, 40.0], itertools.repeat(20.0))
    found = time_steady(runs(clock, times), clock, min_runs=30, budget_s=100, precision=0.005)
    assert (found.first_ms, found.warmup_runs, len(found.samples_ms)) == (60.0, 5, 50)
    assert (found.q1_ms, found.median_ms, found.p90_ms) == pytest.approx((20.0, 20.0, 20.0))
    assert found.notes == ()


def test_steady_does_not_stop_while_it_drifts() -> None:
    clock = FakeClock()
    times = itertools.chain([20.0] * 3, itertools.count(20.0, 0.05))
    found = time_steady(runs(clock, times), clock, min_runs=30, budget_s=3, precision=0.005)
    assert len(found.samples_ms) > 30
    assert clock.now_s() >= 3


def test_steady_stays_in_budget_and_says_what_is_missing() -> None:
    clock = FakeClock()
    found = time_steady(runs(clock, itertools.repeat(1000.0)), clock, min_runs=30, budget_s=10, precision=0.005)
    assert len(found.samples_ms) == 7
    assert found.notes == ("7 of 30 runs fitted into 10 s",)


def test_a_hasty_row_makes_one_run_after_one_warm_up_where_more_would_leave_the_budget() -> None:
    clock = FakeClock()
    slow_runs = runs(clock, itertools.repeat(1000.0))
    found = time_steady(slow_runs, clock, min_runs=5, budget_s=0.4, precision=0.005, fewest_runs=1, hasty=True)
    assert (found.warmup_runs, len(found.samples_ms), clock.now_s()) == (1, 1, 2.0)
    clock = FakeClock()
    fast_runs = runs(clock, itertools.repeat(10.0))
    found = time_steady(fast_runs, clock, min_runs=5, budget_s=0.4, precision=0.005, fewest_runs=1, hasty=True)
    assert found.warmup_runs == 3 and clock.now_s() == pytest.approx(0.4, abs=0.011)


@pytest.mark.parametrize(("count", "known"), [(9, 0), (10, 1), (99, 1), (100, 2)])
def test_no_quantile_from_fewer_runs_than_support_it(count: int, known: int) -> None:
    found = summarise(range(1, count + 1), (5.0,))
    assert sum(value is not None for value in (found.p90_ms, found.p99_ms)) == known
    assert (found.p90_ms is not None) == (known > 0)


def test_noise_is_said() -> None:
    clock = FakeClock()
    times = itertools.chain([20.0] * 3, itertools.cycle([20.0, 30.0, 25.0]))
    found = time_steady(runs(clock, times), clock, min_runs=30, budget_s=3, precision=0.005)
    assert found.notes[0].startswith("noisy: the middle half of the runs spreads over ")


def test_an_interrupt_keeps_the_samples() -> None:
    clock = FakeClock()
    clock.fail_after = 10
    found = time_steady(runs(clock, itertools.repeat(20.0)), clock, min_runs=30, budget_s=10, precision=0.005)
    assert len(found.samples_ms) == 7
    assert found.notes[0] == "interrupted"
    clock.fail_after = clock.runs + 3
    with pytest.raises(KeyboardInterrupt):
        time_steady(runs(clock, itertools.repeat(20.0)), clock, min_runs=30, budget_s=10, precision=0.005)


class Prologue(nn.Module):
    """Work before the first row and after the last."""

    def __init__(self, clock: FakeClock, *rows: nn.Module) -> None:
        super().__init__()
        self.clock, self.model = clock, nn.Sequential(*rows)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.clock.ms += 1
        x = self.model(x)
        self.clock.ms += 3
        return x


def slow(clock: FakeClock, ms: float) -> Slow:
    return Slow(clock, itertools.repeat(ms))


def test_rows_tile_the_run() -> None:
    clock = FakeClock()
    net = Prologue(clock, slow(clock, 10), slow(clock, 30), slow(clock, 6))
    paths = ["model.0", "model.1", "model.2"]
    (shares,) = time_rows([Runner(net, torch.zeros(1), clock)], [paths], clock, budget_s=1.0)
    assert {path: round(50 * row.share, 9) for path, row in shares.items()} == {
        OUTSIDE: 4, "model.0": 10, "model.1": 30, "model.2": 6,
    }  # fmt: skip
    timing = distribute(shares, 100.0)
    assert timing.rows_ms["model.1"][0] == pytest.approx(60)
    assert timing.unattributed_ms == pytest.approx(8)
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in net.modules())


def test_a_row_inside_a_row_gives_the_rest_back() -> None:
    clock = FakeClock()
    outer = nn.Sequential(slow(clock, 10), slow(clock, 20), slow(clock, 30))
    net = nn.Sequential(outer, slow(clock, 40))
    (shares,) = time_rows([Runner(net, torch.zeros(1), clock)], [["0", "0.1", "1"]], clock, budget_s=1.0)
    assert [round(shares[path].share, 9) for path in ("0", "0.1", "1", OUTSIDE)] == [0.4, 0.2, 0.4, 0]


@pytest.mark.parametrize("how", ["before", "after"])
def test_the_time_of_a_graft_is_its_rows(how) -> None:
    clock = FakeClock()
    net = nn.Sequential(slow(clock, 10), slow(clock, 20), slow(clock, 30))

    def graft(*_: object) -> None:
        clock.ms += 40

    (net[1].register_forward_pre_hook if how == "before" else net[1].register_forward_hook)(graft)
    paths = ["0", "1", "2"]
    (shares,) = time_rows([Runner(net, torch.zeros(1), clock)], [paths], clock, budget_s=0.01)
    assert [round(100 * shares[path].share, 9) for path in paths] == [10, 60, 30]


def test_networks_take_turns() -> None:
    clock, order = FakeClock(), []
    nets = [nn.Sequential(slow(clock, ms)) for ms in (10, 30)]
    for name, net in zip("ab", nets, strict=True):
        net[0].register_forward_hook(lambda *_, name=name: order.append(name))
    runners = [Runner(net, torch.zeros(1), clock) for net in nets]
    shares = time_rows(runners, [["0"], ["0"]], clock, budget_s=1.0)
    assert [found["0"].share for found in shares] == [1.0, 1.0]
    assert "".join(order) == "aaabbb" + "ab" * FEWEST_RUNS  # of the first placement: copies lose the hooks of this test
    assert clock.now_s() < 1.2


class Placed(nn.Module):
    """Takes another time wherever it is copied to, and always the same there."""

    def __init__(self, clock: FakeClock, times_ms: Iterator[float]) -> None:
        super().__init__()
        self.clock, self.times_ms, self.ms = clock, times_ms, next(times_ms)

    def __deepcopy__(self, memo: object) -> Placed:
        return Placed(self.clock, self.times_ms)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.clock.ms += self.ms
        return x


def test_a_rows_interval_knows_that_its_place_in_memory_matters() -> None:
    """Runs of one placement agree to the last digit here; an interval from them alone would have no width."""
    clock = FakeClock()
    net = nn.Sequential(slow(clock, 10), Placed(clock, iter([10, 11, 12, 11, 10])))
    (shares,) = time_rows([Runner(net, torch.zeros(1), clock)], [["0", "1"]], clock, budget_s=5.0)
    each = [ms / (10 + ms) for ms in (10, 11, 12, 11, 10)]
    assert shares["1"].share == pytest.approx(statistics.mean(each))
    assert shares["1"].plus_minus == pytest.approx(2.776 * statistics.stdev(each) / 5**0.5, rel=1e-3)


def test_without_time_for_a_second_placement_a_row_has_no_interval() -> None:
    clock = FakeClock()
    net = nn.Sequential(slow(clock, 10), slow(clock, 30))
    (shares,) = time_rows([Runner(net, torch.zeros(1), clock)], [["0", "1"]], clock, budget_s=0.01)
    assert shares["1"].share == pytest.approx(0.75) and shares["1"].plus_minus == math.inf


def test_stamps_are_removed_after_an_error() -> None:
    net = nn.Sequential(nn.ReLU(), nn.ReLU())
    with pytest.raises(ValueError, match="x"), stamped(net, ["0", "1"], lambda: 0):
        raise ValueError("x")
    with pytest.raises(AttributeError), stamped(net, ["0", "7"], lambda: 0):
        pass
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in net.modules())
    assert missing_rows(net, ["0", "7"]) == ("7",)


@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=30), st.floats(0.01, 1e4))
def test_rows_and_unattributed_are_the_median(parts: list[float], median_ms: float) -> None:
    total = math.fsum(parts)
    names = [OUTSIDE, *(str(i) for i in range(1, len(parts)))]
    shares = {n: RowShare(share=p / total, plus_minus=0.0) for n, p in zip(names, parts, strict=True)}
    timing = distribute(shares, median_ms)
    assert sum(ms for ms, _ in timing.rows_ms.values()) + timing.unattributed_ms == pytest.approx(median_ms)


def test_quiet_restores_the_process() -> None:
    before = (torch.get_num_threads(), flushes_denormals(), gc.isenabled())
    with pytest.raises(KeyboardInterrupt), quiet(3):
        assert (torch.get_num_threads(), gc.isenabled()) == (3, False)
        raise KeyboardInterrupt
    assert (torch.get_num_threads(), flushes_denormals(), gc.isenabled()) == before
    gc.disable()
    try:
        with quiet(1):
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
