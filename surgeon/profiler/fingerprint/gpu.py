"""The CUDA device through NVML (``nvidia-ml-py``). Settings are read and never written. Torch-free.

Whatever a card, a driver or a container does not tell is None; without the package or the driver, everything is.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator
from typing import Any

from surgeon.profiler.fingerprint.data import GpuFacts, GpuState
from surgeon.profiler.nvml_device import nvml_handle

_REASONS = {
    "the power cap": "SwPowerCap",
    "its temperature": "SwThermalSlowdown",
    "its temperature (hardware)": "HwThermalSlowdown",
    "the power brake": "HwPowerBrakeSlowdown",
    "the hardware": "HwSlowdown",
}
"""Why a clock may be held down, by NVML's names. Idling and clocks that a user has set are no reasons."""

_PREFIXES = ("nvmlClocksEventReason", "nvmlClocksThrottleReason")
"""What newer and older NVML put before them."""


class Gpu:
    """One device of an open NVML; every question that it does not answer is None."""

    def __init__(self, nvml: Any, handle: Any) -> None:
        self._nvml = nvml
        self._handle = handle

    def facts(self) -> GpuFacts:
        """What does not change from run to run."""
        nvml = self._nvml
        mig = self._ask("nvmlDeviceGetMigMode")
        memory = self._ask("nvmlDeviceGetMemoryInfo")
        persistence = self._ask("nvmlDeviceGetPersistenceMode")
        return GpuFacts(
            uuid=_text(self._ask("nvmlDeviceGetUUID")),
            driver=_text(_answer(nvml, nvml.nvmlSystemGetDriverVersion)),
            mig=None if mig is None else bool(mig[0]),
            memory_bytes=None if memory is None else int(memory.total),
            power_limit_w=_watts(self._ask("nvmlDeviceGetPowerManagementLimit")),
            default_power_limit_w=_watts(self._ask("nvmlDeviceGetPowerManagementDefaultLimit")),
            max_sm_mhz=self._ask("nvmlDeviceGetMaxClockInfo", nvml.NVML_CLOCK_SM),
            persistence=None if persistence is None else bool(persistence),
        )

    def state(self) -> GpuState:
        """The device now."""
        nvml = self._nvml
        memory = self._ask("nvmlDeviceGetMemoryInfo")
        processes = self._ask("nvmlDeviceGetComputeRunningProcesses")
        return GpuState(
            sm_mhz=self._ask("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_SM),
            memory_mhz=self._ask("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_MEM),
            temperature_c=self._ask("nvmlDeviceGetTemperature", nvml.NVML_TEMPERATURE_GPU),
            power_w=_watts(self._ask("nvmlDeviceGetPowerUsage")),
            used_bytes=None if memory is None else int(memory.used),
            processes=None if processes is None else len(processes),
            slowed_by=self._slowed_by(),
            thermal_ns=self._held_ns("NVML_PERF_POLICY_THERMAL"),
            power_ns=self._held_ns("NVML_PERF_POLICY_POWER"),
        )

    def _slowed_by(self) -> tuple[str, ...] | None:
        reasons = self._ask("nvmlDeviceGetCurrentClocksEventReasons")
        if reasons is None:
            reasons = self._ask("nvmlDeviceGetCurrentClocksThrottleReasons")
        if reasons is None:
            return None
        masks = {name: self._mask(suffix) for name, suffix in _REASONS.items()}
        return tuple(name for name, mask in masks.items() if reasons & mask)

    def _mask(self, suffix: str) -> int:
        return next((int(found) for p in _PREFIXES if (found := getattr(self._nvml, p + suffix, None))), 0)

    def _held_ns(self, policy: str) -> int | None:
        """How long a policy has held the clock down since the driver was loaded."""
        status = self._ask("nvmlDeviceGetViolationStatus", getattr(self._nvml, policy, None))
        return None if status is None else int(status.violationTime)

    def _ask(self, question: str, *details: Any) -> Any:
        function = getattr(self._nvml, question, None)
        return None if function is None else _answer(self._nvml, function, self._handle, *details)


@contextlib.contextmanager
def opened_gpu(uuid: str | None) -> Iterator[Gpu | None]:
    """The device of that UUID while NVML is open; None where the package, the driver or the device is absent.

    Args:
        uuid: ``GPU-…`` or ``MIG-…`` as PyTorch and NVML print it; its number would not do, for
            ``CUDA_VISIBLE_DEVICES`` renumbers PyTorch's devices and not NVML's.
    """
    try:
        nvml = importlib.import_module("pynvml")
    except ImportError:
        yield None
        return
    if uuid is None or _answer(nvml, lambda: nvml.nvmlInit() or True) is None:
        yield None
        return
    try:
        handle = _answer(nvml, nvml_handle, nvml, uuid)
        yield None if handle is None else Gpu(nvml, handle)
    finally:
        _answer(nvml, nvml.nvmlShutdown)


def _answer(nvml: Any, question: Callable[..., Any], *details: Any) -> Any:
    """The answer, None where NVML has none: not supported, no permission, no driver."""
    with contextlib.suppress(nvml.NVMLError, TypeError):
        return question(*details)
    return None


def _text(value: str | bytes | None) -> str | None:
    """Older NVML bindings answer in bytes."""
    return value.decode() if isinstance(value, bytes) else value


def _watts(milliwatts: int | None) -> float | None:
    return None if milliwatts is None else milliwatts / 1000
