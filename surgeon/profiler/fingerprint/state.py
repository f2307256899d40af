"""The machine at one moment: load, pressure, throttling, clocks, power. Read before and after something is timed.

Torch-free. Reads only: no clock, governor or limit is ever set.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from surgeon.profiler.fingerprint.container import read_quota
from surgeon.profiler.fingerprint.cpu import usable_folders
from surgeon.profiler.fingerprint.data import GpuState, MachineState
from surgeon.profiler.fingerprint.kernel import Kernel, number_of, text_of
from surgeon.profiler.timing.pressure import cpu_pressure_percent, run_delay_ns, stall_total_us

_TICKS_PER_S = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def read_state(kernel: Kernel, affinity: tuple[int, ...] | None = None, gpu: GpuState | None = None) -> MachineState:
    """The state of a machine now.

    Args:
        kernel: The machine.
        affinity: The CPUs whose clocks count, None for all.
        gpu: The state of the CUDA device, where one is measured.
    """
    quota = read_quota(kernel)
    times = _cpu_times(kernel)
    folders = usable_folders(kernel, affinity)
    return MachineState(
        utc=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        clock_s=time.monotonic(),
        load_average=load_average(kernel),
        pressure_percent=cpu_pressure_percent(kernel.proc),
        stalled_us=stall_total_us(kernel.proc),
        run_delay_ns=run_delay_ns(kernel.proc),
        busy_s=None if times is None else times.busy_s,
        steal_s=None if times is None else times.steal_s,
        all_s=None if times is None else times.all_s,
        own_s=time.process_time(),
        quota_periods=quota.periods,
        throttled_periods=quota.throttled,
        throttled_us=quota.throttled_us,
        governors=_distinct(folders, "cpufreq/scaling_governor"),
        energy_preferences=_distinct(folders, "cpufreq/energy_performance_preference"),
        platform_profile=text_of(kernel.sys / "firmware" / "acpi" / "platform_profile"),
        mhz=_mean_mhz(folders),
        thermal_events=_thermal_events(folders),
        on_battery=_on_battery(kernel),
        gpu=gpu,
    )


def load_average(kernel: Kernel) -> float | None:
    """1-minute load average, None where the system has none."""
    text = text_of(kernel.proc / "loadavg")
    with contextlib.suppress(ValueError, OSError, AttributeError):
        if text is not None:
            return float(text.split()[0])
        if kernel.portable is not None and hasattr(os, "getloadavg"):
            return float(kernel.portable.getloadavg()[0])
    return None


@dataclass(frozen=True, slots=True)
class _CpuTimes:
    """Seconds of all CPUs since the machine started."""

    busy_s: float
    steal_s: float | None
    all_s: float


def _cpu_times(kernel: Kernel) -> _CpuTimes | None:
    """From the line ``cpu user nice system idle iowait irq softirq steal …``; guests are part of user."""
    line = (text_of(kernel.proc / "stat") or "").partition("\n")[0].split()
    if line[:1] == ["cpu"] and len(line) >= 9 and all(field.isdigit() for field in line[1:9]):
        user, nice, system, idle, iowait, irq, softirq, steal = (int(f) / _TICKS_PER_S for f in line[1:9])
        busy = user + nice + system + irq + softirq
        return _CpuTimes(busy, steal, busy + steal + idle + iowait)
    with contextlib.suppress(Exception):  # what psutil cannot tell it raises in its own ways
        if kernel.portable is not None:
            times = kernel.portable.cpu_times()
            total = float(sum(times))
            return _CpuTimes(total - times.idle, None, total)
    return None


def _distinct(folders: list[Path], name: str) -> tuple[str, ...] | None:
    """The different words in a file that each CPU has."""
    return tuple(sorted({text for folder in folders if (text := text_of(folder / name))})) or None


def _mean_mhz(folders: list[Path]) -> float | None:
    clocks = [khz for folder in folders if (khz := number_of(folder / "cpufreq" / "scaling_cur_freq")) is not None]
    return sum(clocks) / len(clocks) / 1000 if clocks else None


def _thermal_events(folders: list[Path]) -> int | None:
    """A sum over CPUs that share a core or a package: only whether it rises means anything."""
    names = ("core_throttle_count", "package_throttle_count")
    counts = [number_of(folder / "thermal_throttle" / name) for folder in folders for name in names]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _on_battery(kernel: Kernel) -> bool | None:
    """Whether a battery drives the machine and no mains does; those of mice and keyboards do not count."""
    supplies = [p for p in sorted((kernel.sys / "class" / "power_supply").glob("*")) if text_of(p / "type")]
    machine = [p for p in supplies if text_of(p / "scope") != "Device"]
    batteries = [p for p in machine if text_of(p / "type") == "Battery"]
    if any(number_of(p / "online") == 1 for p in machine if p not in batteries):
        return False
    if batteries:
        return any(text_of(p / "status") == "Discharging" for p in batteries)
    with contextlib.suppress(Exception):  # psutil's own errors; systems without the function
        battery = None if kernel.portable is None else kernel.portable.sensors_battery()
        return None if battery is None or battery.power_plugged is None else not battery.power_plugged
    return None
