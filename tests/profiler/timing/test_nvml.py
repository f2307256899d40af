"""Reading a card through NVML: what counts as throttled, whose memory it is, and that nothing is ever written."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from fake_gpu import Nvml, NVMLError

import surgeon.profiler
from surgeon.profiler.timing.nvml import GpuReading, NoSensor, NvmlSensor, open_sensor


@pytest.mark.parametrize(
    ("reasons", "mhz", "expected"),
    [
        (0x00, 1980, GpuReading(sm_mhz=1980.0)),
        (0x02 | 0x10 | 0x100, 1980, GpuReading(sm_mhz=1980.0)),
        (0x01, 210, GpuReading()),
        (0x04, 1700, GpuReading(sm_mhz=1700.0, causes=("power cap",))),
        (0x08 | 0x40, 1700, GpuReading(sm_mhz=1700.0, causes=("hardware slowdown", "hardware thermal slowdown"))),
        (0x20, 1700, GpuReading(sm_mhz=1700.0, causes=("software thermal slowdown",))),
        (0x80, 1700, GpuReading(sm_mhz=1700.0, causes=("power brake",))),
        (0x00, 1485, GpuReading(sm_mhz=1485.0)),
        (0x00, 1484, GpuReading(sm_mhz=1484.0, causes=("SM clock under 75% of default",))),
    ],
)
def test_what_counts_as_throttled(reasons: int, mhz: int, expected: GpuReading) -> None:
    nvml = Nvml()
    nvml.reasons, nvml.sm_mhz = reasons, mhz
    assert NvmlSensor(nvml, "card").read() == expected


def test_the_drivers_own_default_clock_goes_first() -> None:
    nvml = Nvml()
    nvml.sm_mhz = 1000
    assert NvmlSensor(nvml, "card", default_mhz=1200).read().causes == ()
    assert NvmlSensor(nvml, "card").read().causes == ("SM clock under 75% of default",)


def test_older_drivers_know_the_reasons_by_another_name() -> None:
    nvml = Nvml()
    nvml.reasons = 0x04
    nvml.unsupported.add("nvmlDeviceGetCurrentClocksEventReasons")
    assert NvmlSensor(nvml, "card").read().causes == ("power cap",)
    nvml.unsupported.add("nvmlDeviceGetCurrentClocksThrottleReasons")
    assert NvmlSensor(nvml, "card").read().causes == ()


def test_memory_is_this_processes() -> None:
    nvml = Nvml()
    sensor = NvmlSensor(nvml, "card")
    assert sensor.process_bytes() == 600_000_000  # alone on the card: a container numbers its processes otherwise
    nvml.processes[7] = 1
    assert sensor.process_bytes() is None
    nvml.processes[os.getpid()] = 99
    assert sensor.process_bytes() == 99


@pytest.mark.parametrize(("uuid", "cards", "found"), [("aaaa", 2, True), ("GPU-aaaa", 2, True), ("b", 2, False)])
def test_the_card_is_found_by_uuid(uuid: str, cards: int, found: bool) -> None:
    nvml = Nvml()
    nvml.cards = cards
    sensor = open_sensor(uuid, load=lambda name: nvml)
    assert isinstance(sensor, NvmlSensor) is found
    assert found or "does not know the card by its UUID" in sensor.missing


def test_a_slice_of_a_card_is_read_as_the_card() -> None:
    nvml = Nvml()
    nvml.cards, nvml.uuids, nvml.mig = 2, {"MIG-bbbb"}, 1
    sensor = open_sensor("bbbb", load=lambda name: nvml)
    assert sensor.read() == GpuReading(sm_mhz=1980.0)
    assert "split by MIG" in sensor.energy_refusal()


def test_an_only_card_needs_no_uuid() -> None:
    assert isinstance(open_sensor(None, load=lambda name: Nvml()), NvmlSensor)


def test_what_is_missing_is_one_sentence() -> None:
    def absent(name: str) -> Any:
        raise ImportError(name)

    def broken(name: str) -> Any:
        nvml = Nvml()
        vars(nvml)["nvmlInit"] = fail
        return nvml

    def fail() -> None:
        raise NVMLError("Driver Not Loaded")

    for load, says in ((absent, "the package nvidia-ml-py is not installed"), (broken, "'Driver Not Loaded'")):
        sensor = open_sensor("aaaa", load=load)
        assert isinstance(sensor, NoSensor)
        assert says in sensor.missing
        assert sensor.read() == GpuReading()
        assert (sensor.energy_mj(), sensor.process_bytes()) == (None, None)
        assert sensor.energy_refusal() == sensor.missing


def test_a_machine_without_a_driver_has_no_sensor() -> None:
    pytest.importorskip("pynvml")
    if torch.cuda.is_available():
        pytest.skip("needs a machine without a GPU")
    assert "NVML answers" in open_sensor(None).missing


def test_no_file_names_anything_that_writes_to_a_card() -> None:
    """The fake refuses whatever is no getter; this covers what no test runs."""
    folder = Path(surgeon.profiler.__file__).parent
    used = {name for path in folder.rglob("*.py") for name in re.findall(r"\bnvml[A-Z]\w*", path.read_text())}
    assert {"nvmlDeviceGetClockInfo", "nvmlInit"} <= used
    getters = re.compile(r"nvml(Init|Shutdown|DeviceGet\w+|SystemGet\w+|ClocksEventReason\w*|ClocksThrottleReason\w*)$")
    assert [name for name in used if not getters.match(name)] == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU that PyTorch sees")
def test_a_real_card_is_read() -> None:
    from surgeon.profiler.timing.cuda import sensor_of

    sensor = sensor_of(torch.device("cuda"))
    if sensor.missing:
        pytest.skip(sensor.missing)
    torch.ones(1 << 24, device="cuda").sum().item()
    reading = sensor.read()
    assert reading.sm_mhz is None or reading.sm_mhz > 0
    assert sensor.energy_refusal() == "" or sensor.energy_refusal().startswith("energy was not measured: ")
