"""Writing an edited network of another repository: its whole module as a ``.pt``, and a ``.yaml`` beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from surgeon.models.ultralytics import writer
from surgeon.models.ultralytics.registration import RECORD


def write_model(module: nn.Module, pt: Path, *, force: bool) -> tuple[Path, Path]:
    """Write ``pt`` and, with the same stem, its ``.yaml``.

    The ``.pt`` is the dict that the YOLOv5, YOLOv7 and YOLOv9 repositories load (``model``, ``ema``, ``optimizer``,
    ``epoch``); where it is loaded, the package ``yolo_surgeon`` and the network's own must be importable. The ``.yaml``
    is the repository's ``model.yaml``; of a network without one it is the record of the edits.

    Raises:
        OutputError: A file exists and `force` is not given, or the folder cannot be written.
    """
    yaml_path = writer.require_free(pt, force=force)
    description: Mapping[str, Any] = module.yaml  # type: ignore[assignment]
    text = _yaml_text(description)
    checkpoint = {
        "epoch": -1,
        "best_fitness": None,
        "model": module,
        "ema": None,
        "updates": None,
        "optimizer": None,
    }
    writer.write_pair(pt, lambda path: torch.save(checkpoint, path), yaml_path, text)
    return pt, yaml_path


def _yaml_text(description: Mapping[str, Any]) -> str:
    d = dict(description)
    record = d.pop(RECORD, None)
    sections = {name: d.pop(name) for name in ("backbone", "head") if name in d}
    rows_note = " Rows are [from, repeats, module, args]." if sections else " The network itself has no description."
    lines = [f"# Written by surgeon.{rows_note}", ""]
    lines += [writer.flow(d)] if d else []
    index = 0
    for name, rows in sections.items():
        lines.append(f"{name}:")
        for row in rows:
            lines.append(f"  - {writer.inline(row)} # {index}")
            index += 1
        lines.append("")
    if record is not None:
        lines.append(writer.flow({RECORD: record}))
    return "\n".join(lines)
