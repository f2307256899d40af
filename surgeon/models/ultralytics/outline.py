"""The rows of a model as its description lists them, without building it: what a shell completes. Loads no torch.

Offers what it is sure of, and nothing else: a network of another family has an empty outline.

Internals used: the rows of a ``model.yaml``, ``[from, repeats, module, args]`` (8.0.0).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surgeon.blocks.naming import display_name
from surgeon.errors import SurgeonError
from surgeon.models.ultralytics.pickled import description_in
from surgeon.models.ultralytics.shipped import SUFFIXES, local_file, modern_stem, shipped_files

_SECTIONS = ("backbone", "head")
_PLANTED = "surgeon."
_MAX_ROWS = 1000


@dataclass(frozen=True, slots=True)
class OutlineRow:
    """One row: its number, its address (``backbone.9``) and its kind (``SPPF``)."""

    index: int
    site: str
    kind: str


def outline(model: str) -> tuple[OutlineRow, ...]:
    """The rows of a model.

    Args:
        model: A shipped name, or the path of a ``.yaml`` or ``.pt``.

    Returns:
        Empty where they are not known; raises nothing.
    """
    try:
        return tuple(_rows(_description(model)))
    except (SurgeonError, OSError, ValueError):
        return ()


def model_names() -> list[str]:
    """Every name of a shipped description, as ``yolov8n.yaml``; none where Ultralytics is not installed."""
    try:
        return sorted(f"{name}.yaml" for name in shipped_files())
    except (SurgeonError, OSError, ValueError):
        return []


def _description(model: str) -> Mapping[str, Any]:
    path = Path(model)
    if path.suffix == ".pt":
        return description_in(path)
    file = local_file(path)
    if file is None:
        stem = path.stem if path.suffix in SUFFIXES else path.name
        file = shipped_files().get(modern_stem(stem)) if path.name == model else None
    if file is None:
        return {}
    from surgeon.models.ultralytics.yaml_reader import read_yaml

    return read_yaml(file)


def _rows(description: Mapping[str, Any]) -> list[OutlineRow]:
    found: list[OutlineRow] = []
    for section in _SECTIONS:
        rows = description.get(section)
        for number, row in enumerate(rows[:_MAX_ROWS] if isinstance(rows, list) else []):
            if not isinstance(row, list) or len(row) < 3 or not isinstance(row[2], str):
                return []
            found.append(OutlineRow(len(found), f"{section}.{number}", _kind(row[2])))
    return found


def _kind(name: str) -> str:
    if name.startswith(_PLANTED):
        return display_name(name.removeprefix(_PLANTED))
    return name.rpartition(".")[2]
