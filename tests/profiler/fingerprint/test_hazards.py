"""What disturbs a measurement is said in a sentence with what to do, and a quiet machine gives none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from recorded_machines import CONTAINER_V2, HOTTER, LAPTOP, PLUGGED, SERVER, THROTTLED_V2, recorded

from surgeon.profiler.fingerprint.container import read_quota
from surgeon.profiler.fingerprint.cpu import read_cpu
from surgeon.profiler.fingerprint.data import (
    CpuFacts,
    Environment,
    GpuFacts,
    GpuState,
    MachineState,
    SoftwareFacts,
)
from surgeon.profiler.fingerprint.elapsed import elapsed
from surgeon.profiler.fingerprint.hazards import hazards, subnormal_note
from surgeon.profiler.fingerprint.state import read_state
from surgeon.profiler.settings import ProfileSettings

ONE_THREAD = ProfileSettings()
CUDA = ProfileSettings(device="cuda")
BEFORE = MachineState(
    utc="2026-01-01T12:00:00Z", clock_s=100.0, stalled_us=0, run_delay_ns=0, busy_s=50.0, steal_s=1.0, all_s=200.0,
    own_s=5.0, quota_periods=100, throttled_periods=7, throttled_us=0, governors=("performance",), thermal_events=20,
    on_battery=False,
)  # fmt: skip
AFTER = replace(BEFORE, clock_s=110.0, busy_s=60.0, own_s=15.0, all_s=220.0, quota_periods=200)
"""Ten seconds later, in which this process was alone and had a CPU for itself all the time."""


def environment(
    before: MachineState | None = BEFORE, after: MachineState | None = AFTER, **changes: Any
) -> Environment:
    facts = CpuFacts(online=2, affinity=(0, 1))
    fields: dict[str, Any] = {"cpus": 2, "cpu_facts": facts, "before": before, "after": after} | changes
    return Environment(python="3", platform="x", cpu="c", gpu=None, packages={}, **fields)


def said(settings: ProfileSettings = ONE_THREAD, facts: dict[str, Any] | None = None, **changes: Any) -> str:
    """The only sentence after the state has changed so."""
    (sentence,) = hazards(environment(after=replace(AFTER, **changes), **(facts or {})), settings)
    return sentence


def test_a_quiet_machine_has_no_hazards() -> None:
    assert hazards(environment(), ONE_THREAD) == ()


def test_what_is_not_exposed_is_no_hazard() -> None:
    bare = MachineState(utc="", clock_s=0.0)
    assert hazards(environment(bare, replace(bare, clock_s=9.0), cpu_facts=None), ONE_THREAD) == ()
    assert hazards(environment(bare, None), ONE_THREAD) == ()
    assert hazards(environment(None, None), ONE_THREAD) == ()


def test_another_process() -> None:
    assert said(busy_s=68.0, all_s=220.0, stalled_us=4_600_000, run_delay_ns=1_200_000_000) == (
        "another process used the CPU: on average 0.8 of 2 CPUs, 46 % of the time some task waited for one (PSI), 12 % "
        "of the time this one did; close it or give a larger --time-budget."
    )
    pinned = {"cpus": 1, "cpu_facts": CpuFacts(online=2, affinity=(1,))}
    assert "and this process is pinned to CPU 1; close it" in said(facts=pinned, busy_s=68.0)


def test_a_little_of_other_work_is_none() -> None:
    busy = replace(AFTER, busy_s=62.0, stalled_us=500_000, run_delay_ns=100_000_000)
    assert hazards(environment(after=busy), ONE_THREAD) == ()


def test_own_threads_that_wait_are_no_other_process() -> None:
    waiting = replace(AFTER, own_s=25.0, busy_s=70.0, all_s=220.0, stalled_us=9_000_000)
    assert hazards(environment(after=waiting), replace(ONE_THREAD, threads=2)) == ()


def test_now_is_judged_by_the_last_seconds() -> None:
    (sentence,) = hazards(environment(replace(BEFORE, pressure_percent=46.0), None), ONE_THREAD)
    assert sentence.startswith("another process used the CPU: 46 % of the time some task waited for one (PSI); close")


def test_steal() -> None:
    assert said(steal_s=1.8).startswith("the hypervisor gave 4 % of the CPU time to other virtual machines (steal): ")


def test_a_container_that_is_throttled(tmp_path: Path) -> None:
    before = read_state(recorded(tmp_path, CONTAINER_V2))
    after = read_state(recorded(tmp_path, THROTTLED_V2))
    quota = read_quota(recorded(tmp_path, THROTTLED_V2)).cpus
    (sentence,) = hazards(environment(before, after, cpu_quota=quota), ONE_THREAD)
    assert sentence.startswith("the cgroup's quota of 0.5 CPU throttled 12 of 40 periods (1.2 s): raise it (docker ")


def test_a_quota_below_the_threads() -> None:
    assert said(facts={"cpu_quota": 0.5}) == (
        "the cgroup's quota of 0.5 CPU is less than the 1 thread timed: raise it or time with fewer."
    )
    assert hazards(environment(cpu_quota=1.0), ONE_THREAD) == ()


def test_more_threads_than_cpus() -> None:
    assert said(replace(ONE_THREAD, threads=8)) == (
        "8 threads were timed on 2 CPUs: they wait for each other, time with --threads 2 or fewer."
    )


def test_a_variable_that_asks_for_more_threads_than_cpus() -> None:
    software = SoftwareFacts(variables={"OMP_NUM_THREADS": "8", "MKL_NUM_THREADS": "2", "KMP_AFFINITY": "9"})
    sentence = said(facts={"software": software})
    assert sentence.startswith("OMP_NUM_THREADS=8 on 2 CPUs: 1 thread was timed here, but a program that obeys the ")
    assert sentence.endswith("set it to 2 or less.")


def test_heat(tmp_path: Path) -> None:
    before, after = read_state(recorded(tmp_path, SERVER)), read_state(recorded(tmp_path, HOTTER))
    (sentence,) = hazards(environment(before, after), ONE_THREAD)
    assert sentence.startswith("thermal throttling: the kernel's counters rose by 8 while it was timed; let the ")


def test_a_laptop_on_battery(tmp_path: Path) -> None:
    kernel = recorded(tmp_path, LAPTOP | {"proc/pressure/cpu": ""})
    state = read_state(kernel)
    (sentence,) = hazards(environment(state, state, cpu_facts=read_cpu(kernel, None)), ONE_THREAD)
    assert sentence == (
        "the governor is powersave, the firmware's profile is low-power and the machine runs on battery: the clock "
        "may be held down; plug it in and choose performance before you measure."
    )


def test_powersave_may_be_the_normal_mode(tmp_path: Path) -> None:
    kernel = recorded(tmp_path, PLUGGED | {"proc/pressure/cpu": ""})
    state, facts = read_state(kernel), read_cpu(kernel, None)
    assert facts.driver == "intel_pstate"
    assert hazards(environment(state, state, cpu_facts=facts), ONE_THREAD) == ()
    saving = replace(state, energy_preferences=("balance_power",))
    (sentence,) = hazards(environment(saving, saving, cpu_facts=facts), ONE_THREAD)
    assert sentence.startswith("the clock driver prefers balance_power: the clock may be held down; choose performance")


def test_a_plug_that_was_pulled() -> None:
    first, second = hazards(environment(after=replace(AFTER, on_battery=True)), ONE_THREAD)
    assert first.startswith("the machine runs on battery: ")
    assert second.startswith("the governor or the power supply changed while it was timed")


@pytest.mark.parametrize(
    ("then", "now", "start"),
    [
        ({}, {"slowed_by": ("the power cap",)}, "the GPU's clock was held down by the power cap: "),
        ({"thermal_ns": 5}, {"thermal_ns": 9}, "the GPU's clock was held down by its temperature: "),
        ({"power_ns": 5}, {"power_ns": 5, "processes": 3}, "3 processes compute on the GPU, this one among them: "),
    ],
)
def test_a_gpu(then: dict[str, Any], now: dict[str, Any], start: str) -> None:
    before, after = replace(BEFORE, gpu=GpuState(**then)), replace(AFTER, gpu=GpuState(**now))
    (sentence,) = hazards(environment(before, after), CUDA)
    assert sentence.startswith(start)


def test_a_gpu_below_its_power_limit() -> None:
    state = replace(BEFORE, gpu=GpuState())
    facts = GpuFacts(power_limit_w=300.0, default_power_limit_w=700.0)
    (sentence,) = hazards(environment(state, state, gpu_facts=facts), CUDA)
    assert sentence.startswith("the GPU's power limit is 300 W, 700 W by default")
    assert hazards(environment(state, state, gpu_facts=replace(facts, power_limit_w=700.0)), CUDA) == ()


def test_a_busy_host_is_not_said_of_a_gpu() -> None:
    assert hazards(environment(after=replace(AFTER, thermal_events=99, throttled_periods=99)), CUDA) == ()


def test_subnormal_rows() -> None:
    assert subnormal_note({"backbone.0 (Conv)": 0}) == ""
    note = subnormal_note({"backbone.0 (Conv)": 3, "backbone.1 (C2f)": 0, "head.2 (Detect)": 1}, "yolov8n")
    assert note.startswith("subnormal weights in backbone.0 (Conv) (3), head.2 (Detect) (1) of yolov8n: flushed to ")
    assert "in the timing thread, but not in the others that were timed" in subnormal_note({"a": 1}, threads=2)


def test_counters_that_restart_are_no_negative_shares() -> None:
    happened = elapsed(AFTER, replace(BEFORE, clock_s=120.0))
    assert (happened.seconds, happened.other_cpus, happened.stolen) == (10.0, 0.0, None)
