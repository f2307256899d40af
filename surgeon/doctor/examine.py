"""Everything that is looked at, in the order of the report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from surgeon.doctor.builds import builds
from surgeon.doctor.finding import Finding, fine
from surgeon.doctor.folders import folders
from surgeon.doctor.packages import clashes, extras, hidden, needed, overwritten
from surgeon.doctor.trial import imports


def examine(folder: Path, *, importing: bool = True) -> Iterator[Finding]:
    """Look at an installation.

    Args:
        folder: The working directory.
        importing: Whether packages are imported too, in processes of their own; takes seconds.
    """
    import platform
    import sys

    yield fine("python", f"{platform.python_version()}, {sys.executable}")
    yield from needed()
    yield from clashes()
    yield from overwritten("ultralytics-thop", "thop")
    yield from builds()
    if importing:
        yield from imports()
    yield from folders(folder)
    yield from hidden(folder)
    yield from extras()
