"""Where a kernel tells about itself: files that are read, and never written. Torch-free.

Every reader takes a `Kernel`, so that a recorded tree answers like a machine. A file that is missing, forbidden or
odd is None: another system, a container or a sandbox may hide any of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Kernel:
    """The roots of what a kernel exposes.

    Attributes:
        proc: ``/proc``.
        sys: ``/sys``.
        portable: The module ``psutil``, asked where these files are absent (macOS, Windows); None asks nobody.
    """

    proc: Path = Path("/proc")
    sys: Path = Path("/sys")
    portable: Any = None

    @property
    def cgroup(self) -> Path:
        """Where cgroups are mounted."""
        return self.sys / "fs" / "cgroup"

    @property
    def cpus(self) -> Path:
        """The folder with one folder a logical CPU."""
        return self.sys / "devices" / "system" / "cpu"


def this_kernel() -> Kernel:
    """The machine that runs this, with psutil where it is installed."""
    try:
        import psutil
    except ImportError:
        return Kernel()
    return Kernel(portable=psutil)


def text_of(path: Path) -> str | None:
    """Content of a file without surrounding blanks, None where it cannot be read or is empty."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip() or None
    except (OSError, ValueError):
        return None


def number_of(path: Path) -> int | None:
    """The whole number in a file, None where there is none."""
    text = text_of(path)
    try:
        return None if text is None else int(text)
    except ValueError:
        return None


def fields_of(path: Path, separator: str | None = None) -> dict[str, str]:
    """Lines ``name value`` (or ``name: value``) of a file; the first of a repeated name counts."""
    fields: dict[str, str] = {}
    for line in (text_of(path) or "").splitlines():
        name, *rest = line.split(separator, 1)
        if rest:
            fields.setdefault(name.strip(), rest[0].strip())
    return fields


def cpu_numbers(text: str | None) -> tuple[int, ...] | None:
    """``0-2,5`` as numbers, None where that cannot be read."""
    if text is None:
        return None
    numbers: list[int] = []
    try:
        for part in text.split(","):
            first, _, last = part.partition("-")
            numbers.extend(range(int(first), int(last or first) + 1))
    except ValueError:
        return None
    return tuple(numbers)
