"""The processor: model, instruction sets, clock driver, what of it this process may use. Torch-free."""

from __future__ import annotations

import contextlib
import os
import platform
import re
from collections.abc import Iterable
from pathlib import Path

from surgeon.profiler.fingerprint.data import CpuFacts
from surgeon.profiler.fingerprint.kernel import Kernel, cpu_numbers, fields_of, number_of, text_of

_MODEL = ("model name", "Model", "Hardware")
_FLAGS = ("flags", "Features")
_CHOOSES_KERNELS = re.compile(
    r"sse4_[12]|avx.*|fma|f16c|amx_.*|asimd.*|neon|fphp|bf16|i8mm|sve.*|sme2?|vsx|altivec.*|vx.*|lsx|lasx"
)
_HYPERVISOR = "hypervisor"


def cpu_name(kernel: Kernel) -> str:
    """CPU model as the kernel names it."""
    fields = fields_of(kernel.proc / "cpuinfo", ":")
    named = (fields[name] for name in _MODEL if name in fields)
    return next(named, "") or platform.processor() or platform.machine()


def usable_cpus() -> int:
    """Logical CPUs that this process may run on."""
    affinity = affinity_of_this_process()
    return len(affinity) if affinity else os.cpu_count() or 1


def affinity_of_this_process() -> tuple[int, ...] | None:
    """Numbers of the logical CPUs that this process may run on, None where the system has no such limit."""
    return tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else None


def read_cpu(kernel: Kernel, affinity: tuple[int, ...] | None) -> CpuFacts:
    """The processor of a machine.

    Args:
        kernel: The machine.
        affinity: The CPUs that the process may use.
    """
    words = _flag_words(kernel)
    clocks = [folder / "cpufreq" for folder in usable_folders(kernel, affinity)]
    lowest = _numbers(number_of(folder / "cpuinfo_min_freq") for folder in clocks)
    highest = _numbers(number_of(folder / "cpuinfo_max_freq") for folder in clocks)
    online = cpu_numbers(text_of(kernel.cpus / "online"))
    smt = number_of(kernel.cpus / "smt" / "active")
    return CpuFacts(
        flags=None if words is None else tuple(sorted(w for w in words if _CHOOSES_KERNELS.fullmatch(w))),
        hypervisor=None if words is None else _HYPERVISOR in words,
        online=_portable_count(kernel, logical=True) if online is None else len(online),
        cores=_portable_count(kernel, logical=False),
        smt=None if smt is None else bool(smt),
        affinity=affinity,
        driver=next((name for folder in clocks if (name := text_of(folder / "scaling_driver"))), None),
        min_mhz=min(lowest) / 1000 if lowest else None,
        max_mhz=max(highest) / 1000 if highest else None,
        turbo=_turbo(kernel),
        address_randomisation=number_of(kernel.proc / "sys" / "kernel" / "randomize_va_space"),
    )


def usable_folders(kernel: Kernel, affinity: tuple[int, ...] | None) -> list[Path]:
    """The folders of the usable CPUs, of all CPUs where there is no limit."""
    found = {int(path.name[3:]): path for path in kernel.cpus.glob("cpu[0-9]*") if path.name[3:].isdigit()}
    return [found[number] for number in sorted(found) if affinity is None or number in affinity]


def _flag_words(kernel: Kernel) -> set[str] | None:
    fields = fields_of(kernel.proc / "cpuinfo", ":")
    return next((set(fields[name].split()) for name in _FLAGS if name in fields), None)


def _turbo(kernel: Kernel) -> bool | None:
    """Two drivers, two files: one says what is forbidden, the other what is allowed."""
    forbidden = number_of(kernel.cpus / "intel_pstate" / "no_turbo")
    if forbidden is not None:
        return not forbidden
    allowed = number_of(kernel.cpus / "cpufreq" / "boost")
    return None if allowed is None else bool(allowed)


def _portable_count(kernel: Kernel, *, logical: bool) -> int | None:
    if kernel.portable is None:
        return None
    with contextlib.suppress(Exception):  # what psutil cannot tell it raises in its own ways
        count: int | None = kernel.portable.cpu_count(logical=logical)
        return count
    return None


def _numbers(values: Iterable[int | None]) -> list[int]:
    return [value for value in values if value is not None]
