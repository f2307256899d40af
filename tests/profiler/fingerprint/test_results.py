"""What a result keeps of its machine: states before and after, hashes, seed, raw samples; and sentences, each once."""

from __future__ import annotations

import dataclasses
import itertools
import json

import pytest
import torch
from profiler_support import FakeClock, chain_graph
from torch import Tensor, nn

from surgeon.models.digest import yaml_digest
from surgeon.profiler import bench, measure
from surgeon.profiler.fingerprint.data import CpuFacts, Environment, MachineState
from surgeon.profiler.measure import compare_modules, measure_subject
from surgeon.profiler.results import Comparison, ProfileResult
from surgeon.profiler.saved import from_json, to_json
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.subject import Subject, layout_of

SETTINGS = ProfileSettings(imgsz=(16, 16), time_budget_s=1.0)
BUSY = "another process used the CPU: on average 1.0 of 2 CPUs; close it or give a larger --time-budget."


class Row(nn.Module):
    """A convolution that takes a millisecond of a fake clock."""

    def __init__(self, clock: FakeClock, weight: float) -> None:
        super().__init__()
        self.conv, self.clock = nn.Conv2d(3, 3, 3, padding=1), clock
        nn.init.constant_(self.conv.weight, weight)

    def forward(self, x: Tensor) -> Tensor:
        self.clock.ms += 1
        return self.conv(x)


@pytest.fixture(autouse=True)
def busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process uses one of two CPUs; every state is ten seconds after the last."""
    machine = Environment(
        python="3", platform="test", cpu="test", cpus=2, gpu=None, packages={}, cpu_facts=CpuFacts(online=2)
    )
    states = (MachineState(utc="", clock_s=10.0 * n, busy_s=10.0 * n, own_s=0.0) for n in itertools.count())
    monkeypatch.setattr(bench, "usable_cpus", lambda: 1)  # no second row with more threads
    monkeypatch.setattr(measure, "read_environment", lambda device: machine)
    monkeypatch.setattr(measure, "machine_state", lambda device: next(states))


def subject(clock: FakeClock, name: str, weight: float = 0.1) -> Subject:
    net = nn.Sequential(Row(clock, 0.1), Row(clock, weight))
    return Subject(module=net, graph=chain_graph(net), name=name, source=name, yaml_sha256=f"hash of {name}")


def test_a_profile_keeps_both_states_and_says_what_happened() -> None:
    clock = FakeClock()
    found = measure_subject(subject(clock, "net", weight=1e-39), SETTINGS, clock=clock)
    assert found.environment.before is not None and found.environment.after is not None
    assert found.environment.after.clock_s - found.environment.before.clock_s == 10.0
    assert found.latency is not None
    assert BUSY in found.latency.notes
    (note,) = [note for note in found.latency.notes if "subnormal" in note]
    assert note.startswith("subnormal weights in backbone.1 (Row) (81): flushed to zero while it was timed.")
    assert [row.subnormal_weights for row in found.layers] == [0, 81]
    assert (found.yaml_sha256, found.layout) == ("hash of net", "contiguous")
    assert from_json(to_json(found)) == found


def test_what_was_not_timed_has_no_hazards() -> None:
    clock = FakeClock()
    found = measure_subject(subject(clock, "net", 1e-39), dataclasses.replace(SETTINGS, latency=False), clock=clock)
    assert found.latency is None
    assert [row.subnormal_weights for row in found.layers] == [0, 0]


def test_a_comparison_says_it_once_and_keeps_what_reproduces_it() -> None:
    clock = FakeClock()
    nets = [subject(clock, "a"), subject(clock, "b", 1e-39), subject(clock, "c")]
    found = compare_modules(nets, SETTINGS, clock=clock, seed=7, command="surgeon compare a b c")
    assert found.notes.count(BUSY) == 1
    (note,) = [note for note in found.notes if "subnormal" in note]
    assert note.startswith("subnormal weights in backbone.1 (Row) (81) of b: ")
    assert all(BUSY not in result.latency.notes for result in found.results if result.latency is not None)
    assert (found.seed, found.command) == (7, "surgeon compare a b c")
    assert [len(pair.log_ratios) for pair in found.paired] == [pair.pairs for pair in found.paired]
    assert all(result.environment == found.results[0].environment for result in found.results)
    assert from_json(to_json(found)) == found


def test_a_comparison_without_times_has_no_seed() -> None:
    clock = FakeClock()
    found = compare_modules(
        [subject(clock, "a"), subject(clock, "b")], dataclasses.replace(SETTINGS, latency=False), clock=clock
    )
    assert (found.seed, found.notes) == (None, ())


NEW = {
    Environment: ("cgroup", "cpu_facts", "software", "gpu_facts", "before", "after"),
    ProfileResult: ("yaml_sha256", "layout"),
    Comparison: ("seed", "command"),
}


def test_files_from_before_the_fingerprint_load() -> None:
    clock = FakeClock()
    found = compare_modules([subject(clock, "a"), subject(clock, "b")], SETTINGS, clock=clock)
    data = json.loads(to_json(found))
    for name in NEW[Comparison]:
        del data[name]
    for result in data["results"]:
        for name in NEW[ProfileResult]:
            del result[name]
        for name in NEW[Environment]:
            del result["environment"][name]
        for row in result["layers"]:
            del row["subnormal_weights"]
    old = from_json(json.dumps(data))
    assert isinstance(old, Comparison)
    assert (old.seed, old.command, old.results[0].environment.before) == (None, None, None)
    assert old.paired == found.paired


def test_the_hash_of_a_yaml_is_of_what_it_says() -> None:
    net = nn.Identity()
    assert yaml_digest(net) is None
    net.yaml = {"channels": 3}
    assert yaml_digest(net) is None
    net.yaml = {"nc": 80, "backbone": [[-1, 1, "Conv", [64]]], "yaml_file": "/a/v8.yaml"}
    first = yaml_digest(net)
    net.yaml = {"yaml_file": "/b/v8.yaml", "backbone": [[-1, 1, "Conv", [64]]], "nc": 80}
    assert yaml_digest(net) == first
    net.yaml = net.yaml | {"nc": 81}
    assert yaml_digest(net) != first


def test_layout() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 1), nn.Linear(2, 2))
    assert layout_of(net) == "contiguous"
    assert layout_of(net.to(memory_format=torch.channels_last)) == "channels_last"
    assert layout_of(nn.Sequential(net, nn.Conv2d(3, 8, 3))) == "mixed"
    assert layout_of(nn.Linear(2, 2)) is None
