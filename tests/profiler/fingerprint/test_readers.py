"""What is read of recorded machines, and that whatever is missing is None."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from recorded_machines import (
    CONTAINER_V1,
    CONTAINER_V2,
    HOTTER,
    LAPTOP,
    MACOS,
    PLUGGED,
    SERVER,
    THROTTLED_V2,
    recorded,
)

from surgeon.profiler.fingerprint.container import Quota, read_quota
from surgeon.profiler.fingerprint.cpu import cpu_name, read_cpu
from surgeon.profiler.fingerprint.data import CpuFacts, MachineState
from surgeon.profiler.fingerprint.kernel import cpu_numbers
from surgeon.profiler.fingerprint.state import load_average, read_state


def test_cpu_of_a_laptop(tmp_path: Path) -> None:
    kernel = recorded(tmp_path, LAPTOP)
    assert cpu_name(kernel) == "Core i7-8550U"
    assert read_cpu(kernel, (0,)) == CpuFacts(
        flags=("avx2", "fma", "sse4_2"), hypervisor=False, online=2, smt=True, affinity=(0,), driver="acpi-cpufreq",
        min_mhz=400.0, max_mhz=4000.0, turbo=True, address_randomisation=2,
    )  # fmt: skip


def test_cpu_of_a_server(tmp_path: Path) -> None:
    found = read_cpu(recorded(tmp_path, SERVER), None)
    assert found == CpuFacts(
        flags=("amx_tile", "avx512f", "sse4_2"), hypervisor=True, online=4, smt=False, turbo=False,
    )  # fmt: skip


def test_nothing_is_guessed_where_nothing_is_exposed(tmp_path: Path) -> None:
    kernel = recorded(tmp_path, MACOS)
    assert cpu_name(kernel) != ""
    assert read_cpu(kernel, None) == CpuFacts()
    assert read_quota(kernel) == Quota()
    state = read_state(kernel)
    known = {f.name for f in dataclasses.fields(MachineState) if getattr(state, f.name) is not None}
    assert known == {"utc", "clock_s", "own_s"}


def test_psutil_answers_where_there_are_no_files(tmp_path: Path) -> None:
    class Times(tuple):
        idle = 30.0

    portable = SimpleNamespace(
        cpu_count=lambda logical: 8 if logical else 4,
        cpu_times=lambda: Times((10.0, 2.0, 30.0)),
        getloadavg=lambda: (1.5, 1.0, 0.5),
        sensors_battery=lambda: SimpleNamespace(power_plugged=False),
    )
    kernel = recorded(tmp_path, MACOS, portable)
    facts, state = read_cpu(kernel, None), read_state(kernel)
    assert (facts.online, facts.cores) == (8, 4)
    assert (state.busy_s, state.all_s, state.steal_s, state.on_battery) == (12.0, 42.0, None, True)
    assert load_average(kernel) == (1.5 if hasattr(os, "getloadavg") else None)


def test_psutil_may_know_nothing_either(tmp_path: Path) -> None:
    kernel = recorded(tmp_path, MACOS, SimpleNamespace())
    assert read_cpu(kernel, None) == CpuFacts()
    assert read_state(kernel).on_battery is None


def test_state_of_a_laptop_on_battery(tmp_path: Path) -> None:
    state = read_state(recorded(tmp_path, LAPTOP))
    assert (state.load_average, state.pressure_percent, state.stalled_us, state.run_delay_ns) == (1.25, 12.5, 5e6, 700)
    assert (state.busy_s, state.steal_s, state.all_s) == (15.1, 0.0, 96.1)
    assert (state.governors, state.energy_preferences) == (("powersave",), None)
    assert (state.platform_profile, state.mhz, state.on_battery) == ("low-power", 800.0, True)
    assert (state.quota_periods, state.throttled_periods, state.thermal_events) == (0, 0, None)


def test_state_of_a_laptop_with_its_charger(tmp_path: Path) -> None:
    state = read_state(recorded(tmp_path, PLUGGED))
    assert state.on_battery is False
    assert state.energy_preferences == ("balance_performance",)


def test_a_battery_of_a_mouse_is_not_the_machines(tmp_path: Path) -> None:
    mouse = {name: text for name, text in LAPTOP.items() if "hid-mouse" in name}
    assert read_state(recorded(tmp_path, mouse)).on_battery is None


def test_only_usable_cpus_count(tmp_path: Path) -> None:
    slow = {"sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "performance\n"}
    kernel = recorded(tmp_path, LAPTOP | slow)
    assert read_state(kernel).governors == ("performance", "powersave")
    assert read_state(kernel, (1,)).governors == ("performance",)


def test_thermal_counters(tmp_path: Path) -> None:
    assert read_state(recorded(tmp_path, SERVER)).thermal_events == 4 * (3 + 2)
    assert read_state(recorded(tmp_path, HOTTER)).thermal_events == 4 * (5 + 2)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (CONTAINER_V2, Quota(version="v2", cpus=0.5, periods=100, throttled=7, throttled_us=300_000)),
        (THROTTLED_V2, Quota(version="v2", cpus=0.5, periods=140, throttled=19, throttled_us=1_500_000)),
        (CONTAINER_V1, Quota(version="v1", cpus=1.5, periods=9, throttled=4, throttled_us=2500)),
        ({"proc/self/cgroup": "0::/gone\n", "sys/fs/cgroup/cpu.max": "200000 100000\n"}, Quota(version="v2", cpus=2.0)),
        ({"proc/self/cgroup": "0::/\n"}, Quota(version="v2")),
        ({"proc/self/cgroup": "odd line\n3:cpu:/\n", "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1"}, Quota(version="v1")),
    ],
)
def test_quota(tmp_path: Path, files: dict[str, str], expected: Quota) -> None:
    assert read_quota(recorded(tmp_path, files)) == expected


def test_odd_files_are_no_answer(tmp_path: Path) -> None:
    odd = {
        "proc/loadavg": "\n",
        "proc/stat": "cpu 1 2\n",
        "proc/cpuinfo": "nonsense",
        "sys/devices/system/cpu/online": "zero\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "<unknown>\n",
        "sys/fs/cgroup/cpu.max": "some text\n",
        "proc/self/cgroup": "0::/\n",
    }
    kernel = recorded(tmp_path, odd)
    state = read_state(kernel)
    assert (state.load_average, state.busy_s, state.mhz) == (None, None, None)
    assert read_cpu(kernel, None) == CpuFacts()
    assert read_quota(kernel).cpus is None


@pytest.mark.parametrize(("text", "numbers"), [("0-2,5\n", (0, 1, 2, 5)), ("3", (3,)), ("", None), (None, None)])
def test_lists_of_cpus(text: str | None, numbers: tuple[int, ...] | None) -> None:
    assert cpu_numbers(text) == numbers
