"""What happened between two states of a machine: counters become shares. Pure, torch-free."""

from __future__ import annotations

from dataclasses import dataclass

from surgeon.profiler.fingerprint.data import MachineState


@dataclass(frozen=True, slots=True, kw_only=True)
class Elapsed:
    """What happened between two states; None for what one of them does not know.

    Attributes:
        seconds: Time between them.
        waited: Share of it in which the reading thread was ready and had no CPU.
        stalled: Share of it in which any task of the machine waited for a CPU (PSI).
        other_cpus: CPUs that other processes kept busy on average.
        stolen: Share of the CPUs' time that the hypervisor gave to others.
        quota_periods, throttled_periods, throttled_s: Periods of the CPU quota, and where it was used up.
        thermal_events: By how much the counters of thermal throttling rose.
    """

    seconds: float
    waited: float | None = None
    stalled: float | None = None
    other_cpus: float | None = None
    stolen: float | None = None
    quota_periods: int | None = None
    throttled_periods: int | None = None
    throttled_s: float | None = None
    thermal_events: int | None = None


def elapsed(before: MachineState, after: MachineState) -> Elapsed:
    """What happened from one state to a later one of the same machine."""
    seconds = after.clock_s - before.clock_s
    busy, own = _rise(before.busy_s, after.busy_s), _rise(before.own_s, after.own_s)
    stopped_us = _rise(before.throttled_us, after.throttled_us)
    return Elapsed(
        seconds=seconds,
        waited=_share(_rise(before.run_delay_ns, after.run_delay_ns), seconds * 1e9),
        stalled=_share(_rise(before.stalled_us, after.stalled_us), seconds * 1e6),
        other_cpus=None if busy is None or own is None or seconds <= 0 else max(busy - own, 0.0) / seconds,
        stolen=_share(_rise(before.steal_s, after.steal_s), _rise(before.all_s, after.all_s)),
        quota_periods=_count(before.quota_periods, after.quota_periods),
        throttled_periods=_count(before.throttled_periods, after.throttled_periods),
        throttled_s=None if stopped_us is None else stopped_us / 1e6,
        thermal_events=_count(before.thermal_events, after.thermal_events),
    )


def _rise(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else max(after - before, 0)


def _count(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else max(after - before, 0)


def _share(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole or whole < 0 else min(part / whole, 1.0)
