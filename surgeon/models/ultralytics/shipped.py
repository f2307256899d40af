"""The model descriptions that ship with Ultralytics, by name. Loads neither torch nor Ultralytics.

Internals used: the folder ``ultralytics/cfg/models`` (8.0.136); that one file serves all scales
(``yolov8x-seg.yaml`` is scale x of ``yolov8-seg.yaml``, 8.0.55).
"""

from __future__ import annotations

import functools
import importlib.util
import re
from collections.abc import Callable
from pathlib import Path

from surgeon.errors import MissingDependencyError

SUFFIXES = (".yaml", ".yml")
SCALED = re.compile(r"^(yolo(?:e-)?v?\d+)([a-z])(?![a-z0-9])(.*)$")
_STOCK_UNIFIED = re.compile(r"(\d+)([nslmx])(.+)?$")
_SCALES = re.compile(r"^scales:[^\n]*\n((?:[ \t#][^\n]*\n|\n)*)", re.M)
"""The block of scales in the text of a shipped file: reading them all takes a second."""
_SCALE_NAME = re.compile(r"^[ \t]+(\w+):", re.M)
_OLD_P6 = re.compile(r"^(yolov[58][nsmlx])6$")


def local_file(path: Path) -> Path | None:
    """The file that a path means, the unified one of a scaled name included; None where there is none."""
    if path.suffix not in SUFFIXES:
        return None
    unified = path.with_name(_STOCK_UNIFIED.sub(r"\1\3", path.stem) + path.suffix)
    return next((candidate for candidate in (path, unified) if can_be(Path.is_file, candidate)), None)


def can_be(test: Callable[[Path], bool], path: Path) -> bool:
    """Whether a test of a path holds; not where the path is none."""
    try:
        return test(path)
    except OSError:  # a name too long, a folder that may not be searched
        return False


def modern_stem(stem: str) -> str:
    """The name of today: ``yolov5n6`` is ``yolov5n-p6``."""
    return _OLD_P6.sub(r"\1-p6", stem)


@functools.cache
def shipped_files() -> dict[str, Path]:
    """Every shipped name, without suffix, and its file.

    Raises:
        MissingDependencyError: Ultralytics is not installed.
    """
    spec = importlib.util.find_spec("ultralytics")
    if spec is None or not spec.submodule_search_locations:
        raise MissingDependencyError("surgeon needs Ultralytics: pip install ultralytics")
    folder = Path(spec.submodule_search_locations[0]) / "cfg" / "models"
    names: dict[str, Path] = {}
    for file in sorted(folder.rglob("*.yaml")):
        names[file.stem] = file
        base = re.match(r"(yolo(?:e-)?v?\d+)(.*)$", file.stem)
        if base and not SCALED.match(file.stem):
            block = _SCALES.search(file.read_text(encoding="utf-8"))
            scales = _SCALE_NAME.findall(block[1]) if block else []
            names.update({f"{base[1]}{scale}{base[2]}": file for scale in scales})
    return names
