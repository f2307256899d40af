"""The CUDA device through a made-up NVML: what it answers is read, what it refuses is None, and nothing is written."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from surgeon.profiler import environment
from surgeon.profiler.environment import machine_state, read_environment
from surgeon.profiler.fingerprint.data import GpuFacts, GpuState, SoftwareFacts
from surgeon.profiler.fingerprint.gpu import opened_gpu

UUID = "GPU-1234"


class NVMLError(Exception):
    pass


class Nvml(SimpleNamespace):
    """Answers by name; a name that is set to an error raises it. Every call is noted."""

    NVMLError = NVMLError
    NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU = 1, 2, 0
    NVML_PERF_POLICY_POWER, NVML_PERF_POLICY_THERMAL = 0, 1

    def __init__(self, **answers: Any) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.nvmlClocksEventReasonSwPowerCap, self.nvmlClocksThrottleReasonHwThermalSlowdown = 0x4, 0x40
        for name, answer in answers.items():
            setattr(self, name, self._function(name, answer))

    def _function(self, name: str, answer: Any) -> Any:
        def call(*arguments: Any) -> Any:
            self.calls.append(name)
            found = answer(*arguments) if callable(answer) else answer
            if isinstance(found, Exception):
                raise found
            return found

        return call


ANSWERS: dict[str, Any] = {
    "nvmlInit": None,
    "nvmlShutdown": None,
    "nvmlDeviceGetHandleByUUID": lambda uuid: "card" if uuid == UUID else NVMLError("not found"),
    "nvmlDeviceGetCount": 2,
    "nvmlSystemGetDriverVersion": b"570.1",
    "nvmlDeviceGetUUID": UUID,
    "nvmlDeviceGetMigMode": (0, 0),
    "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=80 << 30, used=1 << 30),
    "nvmlDeviceGetPowerManagementLimit": 300_000,
    "nvmlDeviceGetPowerManagementDefaultLimit": 700_000,
    "nvmlDeviceGetMaxClockInfo": 1980,
    "nvmlDeviceGetPersistenceMode": 1,
    "nvmlDeviceGetClockInfo": lambda card, clock: {1: 1410, 2: 2619}[clock],
    "nvmlDeviceGetTemperature": 61,
    "nvmlDeviceGetPowerUsage": 298_500,
    "nvmlDeviceGetComputeRunningProcesses": ["ours", "another"],
    "nvmlDeviceGetCurrentClocksEventReasons": 0x4 | 0x40 | 0x1,
    "nvmlDeviceGetViolationStatus": lambda card, policy: SimpleNamespace(violationTime=10 + policy),
}


def install(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Nvml:
    nvml = Nvml(**(ANSWERS | changes))
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    return nvml


def test_everything_is_read_and_nothing_written(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = install(monkeypatch)
    with opened_gpu(UUID) as gpu:
        assert gpu is not None
        assert gpu.facts() == GpuFacts(
            uuid=UUID, driver="570.1", mig=False, memory_bytes=80 << 30, power_limit_w=300.0,
            default_power_limit_w=700.0, max_sm_mhz=1980, persistence=True,
        )  # fmt: skip
        assert gpu.state() == GpuState(
            sm_mhz=1410, memory_mhz=2619, temperature_c=61, power_w=298.5, used_bytes=1 << 30, processes=2,
            slowed_by=("the power cap", "its temperature (hardware)"), thermal_ns=11, power_ns=10,
        )  # fmt: skip
    assert nvml.calls[0] == "nvmlInit"
    assert nvml.calls[-1] == "nvmlShutdown"
    assert not [name for name in nvml.calls if "Set" in name]


def test_what_a_card_refuses_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = ("nvmlInit", "nvmlShutdown", "nvmlDeviceGetHandleByUUID", "nvmlDeviceGetCount")
    install(monkeypatch, **{name: NVMLError("not supported") for name in ANSWERS if name not in kept})
    with opened_gpu(UUID) as gpu:
        assert gpu is not None
        assert gpu.facts() == GpuFacts()
        assert gpu.state() == GpuState()


def test_older_drivers_name_the_reasons_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = install(monkeypatch, nvmlDeviceGetCurrentClocksThrottleReasons=0x40)
    del nvml.nvmlDeviceGetCurrentClocksEventReasons
    with opened_gpu(UUID) as gpu:
        assert gpu is not None and gpu.state().slowed_by == ("its temperature (hardware)",)


@pytest.mark.parametrize(("count", "found"), [(1, True), (2, False)])
def test_a_number_is_trusted_only_where_there_is_one_card(
    monkeypatch: pytest.MonkeyPatch, count: int, found: bool
) -> None:
    install(monkeypatch, nvmlDeviceGetCount=count, nvmlDeviceGetHandleByIndex="card")
    with opened_gpu("GPU-of-a-mig-slice") as gpu:
        assert (gpu is not None) == found


def test_without_driver_package_or_device_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = install(monkeypatch, nvmlInit=NVMLError("driver not loaded"))
    with opened_gpu(UUID) as gpu:
        assert gpu is None
    assert nvml.calls == ["nvmlInit"]
    with opened_gpu(None) as gpu:
        assert gpu is None
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with opened_gpu(UUID) as gpu:
        assert gpu is None


def test_the_measured_device_is_the_one_that_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    monkeypatch.setattr(environment, "read_software", SoftwareFacts)  # it would ask cuDNN, which wants a real card
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"card of {device}")
    uuids = {0: "another", 1: UUID.removeprefix("GPU-")}
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid=uuids[device.index or 0])
    )
    found, state = read_environment("cuda:1"), machine_state("cuda:1")
    assert found.gpu == "card of cuda:1"
    assert found.gpu_facts is not None and found.gpu_facts.uuid == UUID
    assert state.gpu is not None and state.gpu.sm_mhz == 1410
    assert read_environment("cuda:0").gpu_facts is None  # NVML does not know the other card, and there are two
    assert read_environment("cpu").gpu_facts is None
