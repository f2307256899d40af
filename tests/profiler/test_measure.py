"""From a network to a result, on small networks and a clock that the test moves; one stock network end to end."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from profiler_support import FakeClock, Slow, chain_graph, state_of, ultralytics_graph, ultralytics_model
from torch import Tensor, nn

from surgeon.errors import MeasurementError
from surgeon.profiler import bench, measure
from surgeon.profiler.device_peak import DevicePeak
from surgeon.profiler.fingerprint.data import Environment, MachineState
from surgeon.profiler.measure import Subject, compare_modules, profile_module
from surgeon.profiler.saved import from_json, to_json
from surgeon.profiler.settings import ProfileSettings

SETTINGS = ProfileSettings(imgsz=(32, 32), time_budget_s=2.0)


@pytest.fixture(autouse=True)
def idle_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else this machine does, it is not in the notes."""
    idle = Environment(python="3", platform="test", cpu="test", cpus=2, gpu=None, packages={})
    monkeypatch.setattr(measure, "read_environment", lambda device: idle)
    monkeypatch.setattr(measure, "machine_state", lambda device: MachineState(utc="2026-01-01T00:00:00Z", clock_s=0.0))


class Row(nn.Module):
    """A convolution that takes a fixed time on a fake clock."""

    def __init__(self, clock: FakeClock, ms: float, channels: tuple[int, int]) -> None:
        super().__init__()
        self.conv, self.clock, self.ms = nn.Conv2d(*channels, 3, padding=1), clock, ms

    def forward(self, x: Tensor) -> Tensor:
        self.clock.ms += self.ms
        return self.conv(x)


def network(clock: FakeClock, extra_ms: float = 0.0) -> nn.Sequential:
    return nn.Sequential(Row(clock, 6.0, (3, 8)), Row(clock, 4.0 + extra_ms, (8, 8)))


def subject(net: nn.Sequential, name: str = "net", **changes: object) -> Subject:
    fields = {"module": net, "graph": chain_graph(net), "name": name, "source": "made up"}
    return Subject(**(fields | changes))


def measured(net: nn.Sequential, clock: FakeClock, settings: ProfileSettings = SETTINGS, **changes: object):
    return profile_module(net, chain_graph(net), settings, name="net", source="made up", clock=clock, **changes)


def test_profile_of_a_network() -> None:
    clock = FakeClock()
    net = network(clock).train()
    before = state_of(net)
    found = measured(net, clock, ultralytics_gflops=lambda module, imgsz: 1.5)
    assert state_of(net) == before
    assert found.latency is not None and found.memory is not None and found.unattributed_ms is not None
    assert found.latency.median_ms == pytest.approx(10)
    assert [row.latency_ms for row in found.layers] == pytest.approx([6, 4])
    assert found.unattributed_ms == pytest.approx(0, abs=1e-9)
    assert [row.macs for row in found.layers] == [1024 * 27 * 8, 1024 * 72 * 8]
    assert [row.inputs for row in found.layers] == [(-1,), (0,)]
    assert [row.out_shape for row in found.layers] == [(1, 8, 32, 32)] * 2
    assert found.params == found.trainable_params == 3 * 8 * 9 + 8 + 8 * 8 * 9 + 8
    assert found.model_layers == 2
    assert found.counts.ultralytics_gflops == 1.5
    assert not found.settings.fused  # nothing was given that could fuse
    assert from_json(to_json(found)) == found


def test_prepare_gets_a_copy_and_its_network_is_timed() -> None:
    clock = FakeClock()
    net, seen = network(clock), []

    def prepare(module: nn.Module) -> nn.Module:
        seen.append(module)
        module[1].ms = 1.0
        return module

    found = measured(net, clock, prepare=prepare)
    assert seen[0] is not net and not seen[0].training
    assert net[1].ms == 4.0
    assert found.settings.fused
    assert found.latency is not None and found.latency.median_ms == pytest.approx(7)


def test_without_rows_all_the_time_goes_to_the_runs() -> None:
    found = {}
    for rows in (True, False):
        clock = FakeClock()
        found[rows] = measured(network(clock), clock, replace(SETTINGS, row_latency=rows, time_budget_s=0.8))
    assert all(row.latency_ms is None for row in found[False].layers)
    assert found[False].unattributed_ms is None
    assert len(found[False].latency.samples_ms) > 1.2 * len(found[True].latency.samples_ms)


def test_the_threads_of_a_deployment_cost_no_more_than_their_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "usable_cpus", lambda: 2)
    clock = FakeClock()
    net = network(clock)
    net[0].ms = 1000.0
    found = measured(net, clock, replace(SETTINGS, time_budget_s=2.0)).deployment
    assert found is not None
    assert (found.warmup_runs, len(found.samples_ms)) == (1, 1)
    assert found.p90_ms is None and found.p99_ms is None


def test_rows_that_deploying_folds_away_are_said() -> None:
    clock = FakeClock()
    found = measured(network(clock), clock, prepare=lambda module: module[:1])
    assert found.latency is not None
    assert found.latency.notes[-1] == "rows were not timed: the deployed network has no 1"
    assert [row.latency_ms for row in found.layers] == [None, None]
    assert found.unattributed_ms is None


def test_counts_alone() -> None:
    clock = FakeClock()
    found = measured(network(clock), clock, ProfileSettings(imgsz=(32, 32), latency=False))
    assert found.latency is None
    assert found.memory is not None
    assert found.counts.macs > 0


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_other_types_are_timed(dtype: str) -> None:
    clock = FakeClock()
    found = measured(network(clock), clock, ProfileSettings(imgsz=(32, 32), dtype=dtype, time_budget_s=0.2))
    full = measured(network(clock), clock, ProfileSettings(imgsz=(32, 32), time_budget_s=0.2))
    assert found.memory is not None and full.memory is not None
    assert 2 * found.memory.parameter_bytes == full.memory.parameter_bytes
    assert found.counts == full.counts


def test_a_comparison_pairs_and_keeps_both_tables() -> None:
    clock = FakeClock()
    said: list[str] = []
    base, slower = network(clock), network(clock, extra_ms=2.0)
    before = state_of(base)
    found = compare_modules(
        [subject(base, "a"), subject(slower, "b")],
        SETTINGS,
        clock=clock,
        renames=[{"row0": "row0"}],
        announce=said.append,
    )
    assert state_of(base) == before
    (pair,) = found.paired
    assert (pair.verdict, pair.baseline_ms, pair.candidate_ms) == ("slower", pytest.approx(10), pytest.approx(12))
    assert [result.name for result in found.results] == ["a", "b"]
    assert [row.latency_ms for row in found.results[1].layers] == pytest.approx([6, 6])
    for result in found.results:
        assert result.latency is not None
        assert len(result.latency.samples_ms) == pair.pairs
    assert found.results[0].settings == found.results[1].settings
    assert found.results[0].settings.time_budget_s == SETTINGS.time_budget_s
    assert found.renames == ({"row0": "row0"},)
    assert said == ["counting a", "counting b", "timing 2 networks in random order", "timing rows"]
    assert from_json(to_json(found)) == found


def test_several_candidates_are_noted() -> None:
    clock = FakeClock()
    found = compare_modules([subject(network(clock)) for _ in range(3)], SETTINGS, clock=clock)
    assert len(found.paired) == 2
    assert found.notes == ("Each interval holds for its own candidate at 95 %, not for all 2 together.",)


def test_an_interrupted_comparison_is_still_one() -> None:
    clock = FakeClock()
    clock.fail_after = 40
    found = compare_modules([subject(network(clock)), subject(network(clock))], SETTINGS, clock=clock)
    assert found.paired[0].stopped_by == "interrupt"
    assert found.results[0].latency is not None
    assert found.results[0].unattributed_ms is None


def test_a_comparison_without_latency_has_no_pairs() -> None:
    clock = FakeClock()
    nets = [subject(network(clock)), subject(network(clock))]
    found = compare_modules(nets, ProfileSettings(imgsz=(32, 32), latency=False), clock=clock)
    assert found.paired == ()
    assert all(result.latency is None for result in found.results)


def test_a_given_peak_is_the_roof_of_every_network() -> None:
    clock = FakeClock()
    settings = ProfileSettings(imgsz=(32, 32), latency=False, roofline=True, peak_gflops=50.0, peak_bandwidth_gbs=10.0)
    said: list[str] = []
    found = compare_modules([subject(network(clock)) for _ in range(3)], settings, clock=clock, announce=said.append)
    assert [one.peak for one in found.results] == [DevicePeak(gflops=50.0, bandwidth_gbs=10.0)] * 3
    assert not any("peak" in step for step in said)  # nothing of it is measured


def test_refusals_are_one_sentence() -> None:
    clock = FakeClock()
    with pytest.raises(MeasurementError, match="at least one candidate"):
        compare_modules([subject(network(clock))], SETTINGS)
    with pytest.raises(MeasurementError, match="cannot be prepared for timing: no"):
        measured(network(clock), clock, prepare=_refuse)
    with pytest.raises(MeasurementError, match="cannot run on images of 32x32"):
        measured(nn.Sequential(nn.Linear(7, 7)), clock)
    with pytest.raises(MeasurementError, match="cannot run on cpu in float32 at 32x32: late"):
        measured(network(clock), clock, prepare=lambda module: nn.Sequential(_Late()))


def _refuse(module: nn.Module) -> nn.Module:
    raise RuntimeError("no")


class _Late(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise RuntimeError("late")


def test_a_stock_network_end_to_end() -> None:
    model = ultralytics_model("yolov8n")
    model.train()
    before = state_of(model)
    graph = ultralytics_graph(model, (64, 64))
    found = profile_module(
        model,
        graph,
        ProfileSettings(imgsz=(64, 64), time_budget_s=0.5),
        name="yolov8n",
        source="yolov8n.yaml",
        prepare=lambda module: module.fuse(verbose=False),
    )
    assert state_of(model) == before
    assert found.counts.macs * 100 == 4_371_993_600
    assert found.latency is not None and found.unattributed_ms is not None
    total = sum(row.latency_ms or 0.0 for row in found.layers) + found.unattributed_ms
    assert total == pytest.approx(found.latency.median_ms)
    assert found.memory is not None and (found.memory.peak_activation_bytes or 0) > 0
    assert from_json(to_json(found)) == found


def test_slow_networks_share_their_time_when_copied() -> None:
    clock = FakeClock()
    net = Slow(clock, iter([1.0, 2.0]))
    copy.deepcopy(net)(torch.zeros(1))
    net(torch.zeros(1))
    assert clock.ms == 3.0
