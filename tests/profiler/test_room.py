"""What does not fit into memory is refused before it is allocated. The memory here is made up: nothing is large."""

from __future__ import annotations

from pathlib import Path

import pytest
from profiler_support import chain_graph
from torch import Tensor, nn

from surgeon.errors import MeasurementError
from surgeon.profiler import room
from surgeon.profiler.bench import Bench
from surgeon.profiler.fingerprint.free_memory import available_bytes
from surgeon.profiler.fingerprint.kernel import Kernel
from surgeon.profiler.flops import passes
from surgeon.profiler.flops.count import count
from surgeon.profiler.measure import Subject, compare_modules, profile_module
from surgeon.profiler.settings import ProfileSettings

MIB = 2**20
BIG = ProfileSettings(imgsz=(64, 64), batch=100, time_budget_s=1.0)
"""4.7 MiB of images, and 12.5 MiB of each map of 8 channels."""


def network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1))


def profiled(settings: ProfileSettings):
    net = network()
    return profile_module(net, chain_graph(net), settings, name="net", source="made up")


@pytest.fixture
def ten_mib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "available_bytes", lambda: 10 * MIB)
    monkeypatch.setattr(Bench, "time_one", lambda *_, **__: pytest.fail("it was run"))
    monkeypatch.setattr(Bench, "time_together", lambda *_, **__: pytest.fail("it was run"))


@pytest.mark.usefixtures("ten_mib")
def test_what_does_not_fit_is_not_timed() -> None:
    with pytest.raises(MeasurementError, match=r"^net: a batch of 100 at 64x64 needs .* 0.01 GiB are available; --b"):
        profiled(BIG)


@pytest.mark.usefixtures("ten_mib")
def test_counting_alone_works_and_says_why_memory_is_not_measured() -> None:
    found = profiled(ProfileSettings(imgsz=(64, 64), batch=100, latency=False))
    assert found.counts.macs == 100 * 64 * 64 * (27 * 8 + 72 * 8)
    assert found.memory is not None and found.memory.peak_activation_bytes is None
    assert "a batch of 100 at 64x64 needs" in found.memory.method
    assert found.activation is not None and found.activation.peak_bytes == 2 * 100 * 8 * 64 * 64 * 4


@pytest.mark.usefixtures("ten_mib")
@pytest.mark.parametrize("latency", [True, False])
def test_a_comparison_keeps_to_it(latency: bool) -> None:
    nets = [network(), network()]
    subjects = [Subject(module=n, graph=chain_graph(n), name=f"net{i}", source="x") for i, n in enumerate(nets)]
    settings = ProfileSettings(imgsz=(64, 64), batch=100, latency=latency, time_budget_s=1.0)
    if latency:
        with pytest.raises(MeasurementError, match=r"^net0 and net1: a batch of 100"):
            compare_modules(subjects, settings)
    else:
        found = compare_modules(subjects, settings)
        assert [one.memory and one.memory.peak_activation_bytes for one in found.results] == [None, None]


def test_the_batch_that_is_named_fits() -> None:
    held = room.Room(images=5 * MIB, activations=25 * MIB, weights=MIB)
    said = held.lacking(BIG, 10 * MIB)
    batch = int(said.rpartition("--batch ")[2].split()[0])
    assert batch == 16
    assert not room.Room(images=5 * batch * MIB // 100, activations=25 * batch * MIB // 100, weights=MIB).lacking(
        BIG, 10 * MIB
    )
    assert room.Room(images=5 * MIB, activations=25 * MIB, weights=MIB).lacking(BIG, 31 * MIB) == ""


class LooksAtData(nn.Module):
    """Meta tensors cannot run it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        self.conv.weight.mean().item()
        SEEN.append(x.numel())
        return self.conv(x)


SEEN: list[int] = []


def test_a_real_pass_of_counting_is_checked_by_one_image(monkeypatch: pytest.MonkeyPatch) -> None:
    net = nn.Sequential(LooksAtData())
    monkeypatch.setattr(passes, "_CHECKED_PIXELS", 64 * 64)
    available = 3 * 32 * 64 * 64 * 4 + MIB  # the images, not the maps
    monkeypatch.setattr(room, "available_bytes", lambda: available)
    SEEN.clear()
    with pytest.raises(MeasurementError, match="has to be run to be counted, and a batch of 32 at 64x64 needs"):
        count(net, chain_graph(net), (64, 64), 32)
    assert set(SEEN) == {3 * 64 * 64}


def test_memory_that_is_refused_all_the_same_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried 4915")

    monkeypatch.setattr(Bench, "time_one", refuse)
    with pytest.raises(MeasurementError, match="does not fit into the memory of cpu with a batch of 1 at 64x64"):
        profiled(ProfileSettings(imgsz=(64, 64), time_budget_s=1.0))
    with pytest.raises(RuntimeError, match="something else"), room.allocations_refused("net", BIG):
        raise RuntimeError("something else")


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_cgroup_may_leave_less_than_the_machine_has(tmp_path: Path, version: str) -> None:
    proc, folder = tmp_path / "proc", tmp_path / "sys" / "fs" / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "self" / "cgroup").write_text("0::/box\n" if version == "v2" else "9:memory:/box\n")
    folder = folder / ("box" if version == "v2" else "memory/box")
    folder.mkdir(parents=True)
    limit, used = ("max", "current") if version == "v2" else ("limit_in_bytes", "usage_in_bytes")
    (folder / f"memory.{limit}").write_text(f"{8 * MIB}\n")
    (folder / f"memory.{used}").write_text(f"{5 * MIB}\n")
    (folder / "memory.stat").write_text(f"anon 1\ninactive_file {MIB}\n")
    assert available_bytes(Kernel(proc=proc, sys=tmp_path / "sys")) == 4 * MIB
    (folder / f"memory.{limit}").write_text("max\n")
    assert available_bytes(Kernel(proc=proc, sys=tmp_path / "sys")) > 4 * MIB
