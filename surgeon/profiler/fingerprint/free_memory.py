"""Memory that this process may still take: what the machine has free, or what its cgroup leaves. Torch-free."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from surgeon.profiler.fingerprint.container import upwards
from surgeon.profiler.fingerprint.kernel import Kernel, fields_of, text_of, this_kernel

_FILES = (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes"))
"""Limit and use by the version of the cgroup, v2 first."""


def available_bytes(kernel: Kernel | None = None) -> int:
    """Bytes that can be taken before the machine swaps or its cgroup kills the process.

    Args:
        kernel: The machine, default the one that runs this.
    """
    kernel = this_kernel() if kernel is None else kernel
    return max(0, min((_left_by_machine(kernel), *_left_by_cgroups(kernel))))


def _left_by_machine(kernel: Kernel) -> int:
    free = fields_of(kernel.proc / "meminfo").get("MemAvailable:", "").split()
    if free and free[0].isdigit():
        return 1024 * int(free[0])
    with contextlib.suppress(Exception):  # what psutil cannot tell it raises in its own ways
        return int(kernel.portable.virtual_memory().available)
    return sys.maxsize  # nobody knows


def _left_by_cgroups(kernel: Kernel) -> Iterator[int]:
    for folder in _memory_cgroups(kernel):
        for limit_file, use_file in _FILES:
            limit, used = (_whole(text_of(folder / name)) for name in (limit_file, use_file))
            if limit is not None and used is not None:
                yield limit - used + _reclaimable(folder)


def _reclaimable(folder: Path) -> int:
    """Cached files count as used, and are dropped before anything is killed."""
    for line in (text_of(folder / "memory.stat") or "").splitlines():
        name, _, value = line.partition(" ")
        if name == "inactive_file":
            return _whole(value) or 0
    return 0


def _memory_cgroups(kernel: Kernel) -> Iterator[Path]:
    """The folders of the process's cgroup and all above it that may limit memory."""
    for line in (text_of(kernel.proc / "self" / "cgroup") or "").splitlines():
        if line.count(":") < 2:
            continue
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            yield from upwards(kernel.cgroup / "memory", path)
        elif not controllers:
            yield from upwards(kernel.cgroup, path)


def _whole(text: str | None) -> int | None:
    """``max`` is no limit."""
    text = (text or "").strip()
    return int(text) if text.isdigit() else None
