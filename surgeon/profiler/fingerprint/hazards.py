"""What of a machine's state makes a time doubtful, in sentences that say what to do. Pure, torch-free.

Each sentence names what was seen. What is not exposed gives no sentence: silence is no promise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from surgeon.profiler.fingerprint.data import Environment, GpuFacts, MachineState
from surgeon.profiler.fingerprint.elapsed import Elapsed, elapsed
from surgeon.profiler.settings import ProfileSettings

STALLED = 0.1
"""Share of the time in which some task waited for a CPU (PSI) from which it is said."""

WAITED = 0.02
"""Share of the time in which the timing thread waited for a CPU from which it is said."""

OTHERS = 0.25
"""Share of the machine's CPUs that other processes used from which it is said."""

STOLEN = 0.01
"""Share of the CPUs' time that the hypervisor gave to other machines from which it is said."""

_FIXED_CLOCK = ("powersave", "userspace")
"""Governors that hold the clock low, whatever is asked of the CPU."""

_DECIDES_ITSELF = ("intel_pstate", "amd-pstate-epp")
"""Clock drivers whose ``powersave`` is the normal, dynamic mode; what they prefer is a setting of its own."""

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def hazards(environment: Environment, settings: ProfileSettings) -> tuple[str, ...]:
    """Sentences on what disturbed a measurement, or may have.

    Args:
        environment: Where it was taken, with the states before and after it; with the former alone, only what can
            be seen at one moment is said.
        settings: How it was taken.
    """
    before, after = environment.before, environment.after
    if before is None:
        return ()
    happened = replace(elapsed(before, before), stalled=_now(before)) if after is None else elapsed(before, after)
    found: list[str] = []
    if settings.device == "cpu":
        found += _others(environment, happened)
        found += _quota(environment, happened, settings.threads)
        found += _threads(environment, settings.threads)
        found += _thermal(happened)
    found += _power(environment, before, before if after is None else after)
    found += _gpu(environment.gpu_facts, before, after)
    return tuple(found)


def subnormal_note(rows: Mapping[str, int], name: str = "", threads: int = 1) -> str:
    """The rows whose weights are subnormal numbers, which CPUs compute with up to 300 times slower.

    Args:
        rows: Such weights by the name of the row; those without any may be among them.
        name: The network, where there are several.
        threads: CPU threads that were timed, at most. PyTorch flushes in the thread that asks for it, and its pool of
            others computes on with such numbers (half of a product's values on two threads).
    """
    found = [f"{row} ({count})" for row, count in rows.items() if count]
    if not found:
        return ""
    of = f" of {name}" if name else ""
    where = "in the timing thread, but not in the others that were timed" if threads > 1 else "while it was timed"
    return (
        f"subnormal weights in {', '.join(found)}{of}: flushed to zero {where}. A program that does not flush them "
        "(torch.set_flush_denormal(True)) is slower: set them to zero."
    )


def _others(environment: Environment, happened: Elapsed) -> Iterator[str]:
    """Other processes, and other virtual machines."""
    machine = _machine_cpus(environment)
    seen = []
    if happened.other_cpus is not None and happened.other_cpus >= OTHERS * machine:
        seen.append(f"on average {happened.other_cpus:.1f} of {_cpus(machine)}")
    if happened.stalled is not None and happened.stalled >= STALLED:
        seen.append(f"{_percent(happened.stalled)} of the time some task waited for one (PSI)")
    if happened.waited is not None and happened.waited >= WAITED:
        seen.append(f"{_percent(happened.waited)} of the time this one did")
    # this process alone can stall itself, with more threads than CPUs or a quota: both have sentences of their own
    by_others = happened.other_cpus is None or happened.other_cpus >= 0.1
    if seen and by_others and not happened.throttled_periods:
        pinned = _pinned(environment, machine)
        yield f"another process used the CPU: {', '.join(seen)}{pinned}; close it or give a larger --time-budget."
    if happened.stolen is not None and happened.stolen >= STOLEN:
        yield (
            f"the hypervisor gave {_percent(happened.stolen)} of the CPU time to other virtual machines (steal): "
            "measure at another time or give a larger --time-budget."
        )


def _now(state: MachineState) -> float | None:
    """The share of the last ten seconds in which some task waited for a CPU."""
    return None if state.pressure_percent is None else state.pressure_percent / 100


def _pinned(environment: Environment, machine: int) -> str:
    facts = environment.cpu_facts
    if facts is None or facts.affinity is None or len(facts.affinity) >= machine:
        return ""
    return f", and this process is pinned to {_list(facts.affinity)}"


def _quota(environment: Environment, happened: Elapsed, threads: int) -> Iterator[str]:
    """The CPU quota of a container."""
    quota = environment.cpu_quota
    named = "the cgroup's CPU quota" if quota is None else f"the cgroup's quota of {quota:g} CPU"
    if happened.throttled_periods:
        periods = "" if happened.quota_periods is None else f" of {happened.quota_periods}"
        stopped = "" if happened.throttled_s is None else f" ({happened.throttled_s:.1f} s)"
        yield (
            f"{named} throttled {happened.throttled_periods}{periods} periods{stopped}: raise it (docker --cpus, "
            "limits.cpu) or measure outside the container; such times are the quota's, not the network's."
        )
    elif quota is not None and quota < threads:
        yield f"{named} is less than the {_counted(threads)} timed: raise it or time with fewer."


def _threads(environment: Environment, threads: int) -> Iterator[str]:
    """More threads than CPUs, of this measurement or of whatever takes the variables."""
    cpus = environment.cpus
    if threads > cpus:
        timed = f"{_threads_of(threads)} timed on {_cpus(cpus)}"
        yield f"{timed}: they wait for each other, time with --threads {cpus} or fewer."
    variables: Mapping[str, str] = {} if environment.software is None else environment.software.variables
    for name in _THREAD_VARIABLES:
        value = variables.get(name, "")
        if value.isdigit() and int(value) > cpus:
            yield (
                f"{name}={value} on {_cpus(cpus)}: {_threads_of(threads)} timed here, but a program that obeys the "
                f"variable runs {value}, which wait for each other; set it to {cpus} or less."
            )


def _thermal(happened: Elapsed) -> Iterator[str]:
    if happened.thermal_events:
        yield (
            f"thermal throttling: the kernel's counters rose by {happened.thermal_events} while it was timed; let the "
            "machine cool down, or give it air, and measure again."
        )


def _power(environment: Environment, before: MachineState, after: MachineState) -> Iterator[str]:
    """Battery, governor and profiles that hold the clock down."""
    slow = list(_slow_clock(environment, after))
    battery = before.on_battery or after.on_battery
    if battery or slow:
        seen = [*slow, *(["the machine runs on battery"] if battery else [])]
        cure = [*(["plug it in"] if battery else []), *(["choose performance"] if slow else [])]
        yield f"{_joined(seen)}: the clock may be held down; {_joined(cure)} before you measure."
    if before.governors != after.governors or before.on_battery != after.on_battery:
        yield "the governor or the power supply changed while it was timed: measure again."


def _slow_clock(environment: Environment, state: MachineState) -> Iterator[str]:
    driver = None if environment.cpu_facts is None else environment.cpu_facts.driver
    fixed = [name for name in state.governors or () if name in _FIXED_CLOCK]
    if fixed and driver not in _DECIDES_ITSELF:
        yield f"the governor is {_joined(fixed)}"
    saving = [name for name in state.energy_preferences or () if name in ("power", "balance_power")]
    if saving:
        yield f"the clock driver prefers {_joined(saving)}"
    if state.platform_profile in ("low-power", "quiet", "cool"):
        yield f"the firmware's profile is {state.platform_profile}"


def _gpu(facts: GpuFacts | None, before: MachineState, after: MachineState | None) -> Iterator[str]:
    """What held the GPU's clock down, and who else used it."""
    if before.gpu is None:
        return
    now = before.gpu if after is None or after.gpu is None else after.gpu
    reasons = dict.fromkeys((*(now.slowed_by or ()), *_held(before, after)))
    if reasons:
        yield f"the GPU's clock was held down by {_joined(list(reasons))}: cool it or let it rest, and measure again."
    if now.processes is not None and now.processes > 1:
        yield f"{now.processes} processes compute on the GPU, this one among them: close the others."
    limits = (None, None) if facts is None else (facts.power_limit_w, facts.default_power_limit_w)
    if limits[0] is not None and limits[1] is not None and limits[0] < limits[1]:
        yield f"the GPU's power limit is {limits[0]:g} W, {limits[1]:g} W by default: its times are slower for it."


def _held(before: MachineState, after: MachineState | None) -> Iterator[str]:
    """What the counters say, which also see what is over by now."""
    if before.gpu is None or after is None or after.gpu is None:
        return
    pairs = (
        ("its temperature", before.gpu.thermal_ns, after.gpu.thermal_ns),
        ("the power cap", before.gpu.power_ns, after.gpu.power_ns),
    )
    yield from (name for name, then, now in pairs if then is not None and now is not None and now > then)


def _machine_cpus(environment: Environment) -> int:
    online = None if environment.cpu_facts is None else environment.cpu_facts.online
    return online or environment.cpus


def _joined(words: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _cpus(number: int) -> str:
    return f"{number} CPU{'s' if number != 1 else ''}"


def _counted(threads: int) -> str:
    return f"{threads} thread{'s' if threads != 1 else ''}"


def _threads_of(number: int) -> str:
    return f"{_counted(number)} {'were' if number != 1 else 'was'}"


def _list(numbers: tuple[int, ...]) -> str:
    return f"CPU{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
