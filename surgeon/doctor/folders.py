"""Where files will be written, and whether they can be."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from surgeon.doctor.finding import Finding, advice, fine

CONFIG = "YOLO_CONFIG_DIR"


def folders(folder: Path, environ: Mapping[str, str] | None = None) -> Iterator[Finding]:
    """The working directory, and where Ultralytics keeps its settings.

    Args:
        folder: The working directory.
        environ: By default this process's.
    """
    reason = why_not_writable(folder)
    if reason:
        yield advice(
            "working directory",
            f"{folder.resolve()} cannot be written ({reason}); edits go here unless --out says otherwise",
            "cd into a folder of your own, or give --out FILE.pt",
        )
    else:
        yield fine("working directory", f"{folder.resolve()} can be written")
    settings = settings_folder(os.environ if environ is None else environ)
    existing = next((parent for parent in (settings, *settings.parents) if parent.exists()), settings)
    reason = why_not_writable(existing)
    if reason:
        yield advice(
            "Ultralytics' settings",
            f"{settings} cannot be written ({reason}): Ultralytics forgets its settings after every run",
            f"export {CONFIG}=/a/folder/of/yours",
        )
    else:
        yield fine("Ultralytics' settings", f"{settings} can be written")


def settings_folder(environ: Mapping[str, str]) -> Path:
    """Where Ultralytics keeps its settings, by its own rule."""
    if environ.get(CONFIG):
        return Path(environ[CONFIG]).expanduser() / "Ultralytics"
    system = platform.system()
    if system == "Windows":
        return Path.home() / "AppData" / "Roaming" / "Ultralytics"
    if system == "Darwin":
        return Path.home() / "Library" / "Application Support" / "Ultralytics"
    return Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "Ultralytics"


def why_not_writable(folder: Path) -> str:
    """What keeps a file from being written into a folder, tried out; empty where nothing does."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return error.strerror or str(error)
