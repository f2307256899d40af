"""Files are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from surgeon.errors import OutputError
from surgeon.report.formats import registry
from surgeon.report.report import Report


def write_whole(path: Path, write: Callable[[Path], object], option: str) -> None:
    """Write a file whole or not at all: to a temporary file that is renamed.

    Args:
        path: The file.
        write: Writes to the path that it is given.
        option: The option that named the file, for the message.

    Raises:
        OutputError: It cannot be written.
    """
    temporary = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        write(temporary)
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}; choose another {option} FILE") from error
    finally:
        temporary.unlink(missing_ok=True)


def save(report: Report, path: str | Path, *, format: str | None = None, force: bool = False) -> Path:
    """Write a report in the format of the file's suffix.

    Args:
        report: What to write.
        path: The file.
        format: A name of `surgeon.report.formats.registry` in place of the suffix.
        force: Replace a file that exists.

    Returns:
        The file.

    Raises:
        OutputError: It exists, cannot be written, or its suffix names no format.
        InputError: The format cannot show these results.
    """
    file = Path(path)
    chosen = registry.of_file(file.name, "file") if format is None else registry.named(format)
    if file.exists() and not force:
        raise OutputError(f"{file} exists; choose another name, or replace it with force=True")
    text = registry.render(report, chosen)
    write_whole(file, lambda target: target.write_text(text, encoding="utf-8"), "another")
    return file
