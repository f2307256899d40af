"""The CPU quota of a container, in cgroups of both versions: what is granted, and how often it was used up. Torch-free.

A quota binds together with those of all cgroups above it: the smallest counts, and its own counters say how often it
was used up.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from surgeon.profiler.fingerprint.kernel import Kernel, fields_of, text_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What limits the CPU time of this process.

    Attributes:
        version: ``v1``, ``v2``, None where cgroups are not exposed.
        cpus: CPUs granted, None without a limit.
        periods, throttled: Periods so far, and those in which the quota was used up.
        throttled_us: Time that the cgroup was stopped for it.
    """

    version: str | None = None
    cpus: float | None = None
    periods: int | None = None
    throttled: int | None = None
    throttled_us: int | None = None


def read_quota(kernel: Kernel) -> Quota:
    """The quota of this process's cgroup or one above it, whichever grants less."""
    version, folders = _cpu_cgroups(kernel)
    if version is None:
        return Quota()
    read = _granted_v1 if version == "v1" else _granted_v2
    granted = [(cpus, folder) for folder in folders if (cpus := read(folder)) is not None]
    unlimited = (None, next((folder for folder in folders if (folder / "cpu.stat").exists()), folders[0]))
    cpus, counted = min(granted, key=lambda found: found[0]) if granted else unlimited
    counters = {name: int(value) for name, value in fields_of(counted / "cpu.stat").items() if value.isdigit()}
    stopped_ns = counters.get("throttled_time")
    return Quota(
        version=version,
        cpus=cpus,
        periods=counters.get("nr_periods"),
        throttled=counters.get("nr_throttled"),
        throttled_us=counters.get("throttled_usec") if stopped_ns is None else stopped_ns // 1000,
    )


def _cpu_cgroups(kernel: Kernel) -> tuple[str | None, list[Path]]:
    """The version whose hierarchy has the CPU controller, and the folders of the process's cgroup and all above it."""
    version, found = None, list[Path]()
    for line in (text_of(kernel.proc / "self" / "cgroup") or "").splitlines():
        if line.count(":") < 2:
            continue
        _, controllers, path = line.split(":", 2)
        if "cpu" in controllers.split(","):
            roots = (kernel.cgroup / controllers, kernel.cgroup / "cpu")
            return "v1", [folder for root in roots for folder in upwards(root, path)]
        if controllers == "":
            version = "v2"
            roots = (kernel.cgroup, kernel.cgroup / "unified")
            found = [folder for root in roots for folder in upwards(root, path)]
    return version, found


def upwards(root: Path, path: str) -> list[Path]:
    """The folder of a cgroup and all above it; inside a container the path may not exist, the root does."""
    folder = root / path.lstrip("/")
    above = [folder, *folder.parents]
    return above[: above.index(root) + 1] if root in above else [root]


def _granted_v2(folder: Path) -> float | None:
    quota, _, period = (text_of(folder / "cpu.max") or "").partition(" ")
    return _quotient(quota, period)


def _granted_v1(folder: Path) -> float | None:
    return _quotient(text_of(folder / "cpu.cfs_quota_us") or "", text_of(folder / "cpu.cfs_period_us") or "")


def _quotient(quota: str, period: str) -> float | None:
    """``200000 100000`` are 2 CPUs; ``max`` and ``-1`` are no limit."""
    if not (quota.isdigit() and period.isdigit() and int(period)):
        return None
    return int(quota) / int(period)
