"""Machine, software and load: what a reader must know to judge a time. Reads only, changes nothing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

from surgeon.profiler.results import Environment
from surgeon.profiler.timing.pressure import PROC, cpu_pressure_percent

PACKAGES = ("torch", "ultralytics", "ultralytics-thop", "fvcore", "yolo-surgeon")
CGROUP = Path("/sys/fs/cgroup")


def read_environment(device: str) -> Environment:
    """The environment at this moment.

    Args:
        device: The device of the measurement; its GPU is named, others are not.
    """
    return Environment(
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.release()} {platform.machine()}",
        cpu=cpu_name(),
        cpus=usable_cpus(),
        gpu=gpu_name(device),
        packages=package_versions(),
        load_average=load_average(),
        cpu_pressure=cpu_pressure_percent(),
        cpu_quota=cpu_quota(),
    )


def cpu_name(proc: Path = PROC) -> str:
    """CPU model as the kernel names it."""
    for line in _text(proc / "cpuinfo").splitlines():
        field, _, value = line.partition(":")
        if field.strip() in ("model name", "Model", "Hardware"):
            return value.strip()
    return platform.processor() or platform.machine()


def usable_cpus() -> int:
    """Logical CPUs that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def gpu_name(device: str) -> str | None:
    """Name of the CUDA device, None for any other."""
    if not device.startswith("cuda"):
        return None
    import torch

    return torch.cuda.get_device_name(device) if torch.cuda.is_available() else None


def package_versions() -> dict[str, str]:
    """Installed versions of the packages that a result depends on."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def load_average() -> float | None:
    """1-minute load average, None where the system has none."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return None


def cpu_quota(cgroup: Path = CGROUP, proc: Path = PROC) -> float | None:
    """CPUs granted by the process's cgroup or one above it, None without a limit."""
    limits: list[float] = []
    for line in _text(proc / "self" / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            roots, read = (cgroup, cgroup / "unified"), _quota_v2
        elif "cpu" in controllers.split(","):
            roots, read = (cgroup / controllers, cgroup / "cpu"), _quota_v1
        else:
            continue
        for root in roots:
            limits.extend(limit for folder in _upwards(root, path) if (limit := read(folder)) is not None)
    return min(limits, default=None)


def _upwards(root: Path, path: str) -> list[Path]:
    """The folder of a cgroup and all above it; inside a container the path may not exist, the root does."""
    folder = root / path.lstrip("/")
    above = [folder, *folder.parents]
    return above[: above.index(root) + 1] if root in above else [root]


def _quota_v2(folder: Path) -> float | None:
    quota, _, period = _text(folder / "cpu.max").strip().partition(" ")
    return _quotient(quota, period)


def _quota_v1(folder: Path) -> float | None:
    return _quotient(_text(folder / "cpu.cfs_quota_us").strip(), _text(folder / "cpu.cfs_period_us").strip())


def _quotient(quota: str, period: str) -> float | None:
    """``200000 100000`` are 2 CPUs; ``max`` and ``-1`` are no limit."""
    if not (quota.isdigit() and period.isdigit() and int(period)):
        return None
    return int(quota) / int(period)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
