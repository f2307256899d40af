"""Which file a trace goes to, and in which format: by its suffix. Torch-free."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from surgeon.errors import OutputError
from surgeon.profiler.trace.chrome import write_chrome
from surgeon.profiler.trace.data import Trace
from surgeon.profiler.trace.native import require_perfetto, write_native

CHROME = ".pt.trace.json"
"""The end of a file's name by which TensorBoard's plugin finds it; Perfetto and chrome://tracing read it too."""

_WRITERS: dict[str, Callable[[Trace, Path], None]] = {
    ".json": write_chrome,
    ".json.gz": write_chrome,
    ".pftrace": write_native,
}


def require_writable(path: Path, *, force: bool = False, option: str = "-o") -> None:
    """Refuse a file before anything is measured.

    Args:
        path: The file.
        force: Whether it may exist.
        option: What named it, for the message.

    Raises:
        OutputError: Its suffix is unknown, it exists, or it has no folder.
        MissingDependencyError: Its format needs a package that is not installed.
    """
    _writer(path)
    if not path.parent.is_dir():
        raise OutputError(f"there is no folder {path.parent} to write {path.name} into; choose another {option} FILE")
    if path.is_dir():
        raise OutputError(f"{path} is a folder; choose another {option} FILE")
    if path.exists() and not force:
        raise OutputError(f"{path} exists; choose another {option} FILE, or replace it with --force")
    if path.name.lower().endswith(".pftrace"):
        require_perfetto()


def write_trace(trace: Trace, path: Path, *, force: bool = False) -> Path:
    """Write a trace in the format of the file's suffix, whole or not at all.

    Raises:
        OutputError: As for `require_writable`, or it cannot be written.
        MissingDependencyError: Its format needs a package that is not installed.
    """
    require_writable(path, force=force)
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        _writer(path)(trace, temporary)
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}; choose another -o FILE") from error
    finally:
        temporary.unlink(missing_ok=True)
    return path


def free_path(stem: str, folder: Path | None = None) -> Path:
    """``<stem>.pt.trace.json`` in a folder (default: here), with the next free number if taken."""
    folder = folder or Path()
    path, number = folder / f"{stem}{CHROME}", 2
    while path.exists():
        path, number = folder / f"{stem}-{number}{CHROME}", number + 1
    return path


def _writer(path: Path) -> Callable[[Trace, Path], None]:
    name = path.name.lower()
    for suffix, writer in _WRITERS.items():
        if name.endswith(suffix) and len(name) > len(suffix):
            return writer
    raise OutputError(
        f"{path} has no suffix of a trace: name it {path.stem or 'run'}{CHROME} (Perfetto, chrome://tracing, "
        f"TensorBoard) or {path.stem or 'run'}.pftrace (Perfetto)"
    )
