"""The file by which a Python environment learns of surgeon's blocks at start-up. Standard library only."""

from __future__ import annotations

import os
import sysconfig
import tempfile
from pathlib import Path

from surgeon.errors import OutputError

FILE_NAME = "yolo_surgeon_autoload.pth"
LINE = (
    "import sys; exec('try:\\n import surgeon.models.ultralytics.autoload as a\\n a.install()\\n"
    "except ImportError:\\n pass')\n"
)
"""Python executes a line of a .pth that begins with ``import``. Where surgeon is gone, it does nothing."""


def path() -> Path:
    """Where the file is, or would be: in the site-packages of the running interpreter."""
    return Path(sysconfig.get_paths()["purelib"]) / FILE_NAME


def enabled() -> bool:
    """Whether the file is there as this version writes it."""
    try:
        return path().read_text(encoding="utf-8") == LINE
    except OSError:
        return False


def enable() -> None:
    """Write the file, whole or not at all.

    Raises:
        OutputError: The folder cannot be written.
    """
    target = path()
    temporary = ""
    try:
        # No .pth as suffix: another interpreter that starts right now must not execute half a file.
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{FILE_NAME}-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(LINE)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise _refused(target, error) from error


def disable() -> None:
    """Remove the file if it is there.

    Raises:
        OutputError: It cannot be removed.
    """
    try:
        path().unlink(missing_ok=True)
    except OSError as error:
        raise _refused(path(), error) from error


def _refused(target: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{target.parent} cannot be written ({error.strerror or error}): use a virtual environment of your own, or "
        "surgeon yolo, which needs no autoload"
    )
