"""What the driver tells of a card while it is timed. Reads only: no setting of the card is ever written.

NVML needs the package nvidia-ml-py (module ``pynvml``) and the driver. Where it is missing, or does not know a
figure, the answer is None and a sentence; timing goes on without it.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from surgeon.profiler.nvml_device import nvml_handle

THROTTLED_BELOW = 0.75
"""Share of the default SM clock below which a card counts as throttled, as nvbench has it."""

_IDLE = 0x01
_CAUSES = {
    0x04: "power cap",
    0x08: "hardware slowdown",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "power brake",
}
"""Bits of NVML's clocks-event reasons that mean throttling. Idle, application and display clocks do not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuReading:
    """The card at one moment.

    Attributes:
        sm_mhz: SM clock, None where unknown or while the card idles (an idle clock says nothing of the run before).
        causes: What throttles it now, in words.
    """

    sm_mhz: float | None = None
    causes: tuple[str, ...] = ()


class GpuSensor(Protocol):
    """What can be read of a card."""

    @property
    def missing(self) -> str:
        """Why nothing can be read, as a sentence; empty where something can."""

    def read(self) -> GpuReading:
        """Clock and throttling now; a clock below 75 % of the default counts as a cause."""

    def energy_mj(self) -> int | None:
        """Energy since the driver was loaded, in millijoule."""

    def process_bytes(self) -> int | None:
        """Memory of this process on the card, its CUDA context included."""

    def energy_refusal(self) -> str:
        """Why the energy counter cannot be booked on this process, as a sentence; empty where it can."""


class NoSensor:
    """A card of which nothing can be read."""

    def __init__(self, missing: str) -> None:
        self.missing = missing

    def read(self) -> GpuReading:
        """Nothing known."""
        return GpuReading()

    def energy_mj(self) -> None:
        """Nothing known."""

    def process_bytes(self) -> None:
        """Nothing known."""

    def energy_refusal(self) -> str:
        """The sentence that says what is missing."""
        return self.missing


class NvmlSensor:
    """A card as NVML shows it.

    Args:
        nvml: The module ``pynvml``, initialised.
        handle: Of the card.
        default_mhz: Its default SM clock, None to take the highest that NVML names.
    """

    missing = ""

    def __init__(self, nvml: Any, handle: Any, default_mhz: float | None = None) -> None:
        self._nvml, self._handle = nvml, handle
        self._default_mhz = default_mhz or self._ask("nvmlDeviceGetMaxClockInfo", nvml.NVML_CLOCK_SM)

    def read(self) -> GpuReading:
        """Clock and throttling now."""
        reasons = self._ask("nvmlDeviceGetCurrentClocksEventReasons")
        if reasons is None:  # drivers before 535 know it by its old name only
            reasons = self._ask("nvmlDeviceGetCurrentClocksThrottleReasons") or 0
        mhz = None if reasons & _IDLE else self._ask("nvmlDeviceGetClockInfo", self._nvml.NVML_CLOCK_SM)
        causes = tuple(word for bit, word in _CAUSES.items() if reasons & bit)
        if mhz and self._default_mhz and mhz < THROTTLED_BELOW * self._default_mhz:
            causes = (*causes, f"SM clock under {THROTTLED_BELOW:.0%} of default")
        return GpuReading(sm_mhz=float(mhz) if mhz else None, causes=causes)

    def energy_mj(self) -> int | None:
        """Energy since the driver was loaded."""
        energy = self._ask("nvmlDeviceGetTotalEnergyConsumption")
        return None if energy is None else int(energy)

    def process_bytes(self) -> int | None:
        """Memory of this process. In a container, where its number is another, only if it is alone on the card."""
        processes = self._processes()
        return next(iter(processes.values())) if len(processes) == 1 else processes.get(os.getpid())

    def energy_refusal(self) -> str:
        """Why the counter, which counts the whole card, is not this process's."""
        mode = self._ask("nvmlDeviceGetMigMode")
        if mode is not None and mode[0]:
            return "energy was not measured: the card is split by MIG, and its counter counts the whole card"
        processes = len(self._processes())
        if processes == 0:
            return "energy was not measured: NVML does not list this card's processes, so others cannot be ruled out"
        if processes > 1:
            others = "another process uses" if processes == 2 else f"{processes - 1} other processes use"
            return f"energy was not measured: {others} the card, and its counter counts them all"
        if self.energy_mj() is None:
            return "energy was not measured: this card has no energy counter (Volta and newer have one)"
        return ""

    def _processes(self) -> dict[int, int | None]:
        """Bytes by process number, of compute and of graphics."""
        found: dict[int, int | None] = {}
        for name in ("nvmlDeviceGetGraphicsRunningProcesses", "nvmlDeviceGetComputeRunningProcesses"):
            for process in self._ask(name) or ():
                found[process.pid] = process.usedGpuMemory
        return found

    def _ask(self, name: str, *arguments: Any) -> Any:
        """What a getter answers, None where this driver or card does not know it."""
        getter = getattr(self._nvml, name, None)
        if getter is None:
            return None
        try:
            return getter(self._handle, *arguments)
        except self._nvml.NVMLError:
            return None


def open_sensor(
    uuid: str | None, default_mhz: float | None = None, load: Callable[[str], Any] = importlib.import_module
) -> GpuSensor:
    """The sensor of a card.

    Args:
        uuid: Of the card, as PyTorch knows it; None only finds a machine's only card.
        default_mhz: Its default SM clock.
        load: Imports ``pynvml``.
    """
    try:
        nvml = load("pynvml")
    except ImportError:
        return NoSensor("clocks, throttling and energy were not read: the package nvidia-ml-py is not installed")
    try:
        nvml.nvmlInit()
        handle = nvml_handle(nvml, uuid, whole_card=True)
    except nvml.NVMLError as error:
        return NoSensor(f"clocks, throttling and energy were not read: NVML answers '{error}'")
    if handle is None:
        return NoSensor("clocks, throttling and energy were not read: NVML does not know the card by its UUID")
    return NvmlSensor(nvml, handle, default_mhz)
