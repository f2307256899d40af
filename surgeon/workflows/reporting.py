"""From the result of an edit to the facts of its report."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from surgeon.report.edit import CheckLine, EditReport
from surgeon.surgery.recipe import Recipe, Remove

if TYPE_CHECKING:
    from surgeon.models.opened import OpenedModel
    from surgeon.workflows.editing import SurgeryResult


def report_of(result: SurgeryResult, paths: tuple[Path, ...] = ()) -> EditReport:
    """The facts of an edit that was carried out.

    Args:
        result: The edit.
        paths: What was written, the ``.pt`` first; none before `save`, and then no command that trains it is told.
    """
    from surgeon.workflows.training import training

    notes = (*result.before.notes, *_drift(result.before), *result.plan.notes, *own_classes(result.plan.recipe))
    tensors = result.tensors
    adopted = set(tensors.adopted.values())
    fresh = tuple(name for name in tensors.fresh if name not in adopted)
    dropped = tuple(name for name in tensors.dropped if name not in tensors.adopted)
    return EditReport(
        source=result.before.source,
        outputs=tuple(map(str, paths)),
        edits=tuple(map(str, result.plan.recipe.edits)),
        copied=len(tensors.copied),
        adopted=len(adopted),
        fresh=len(fresh),
        dropped=len(dropped),
        copied_names=tuple(tensors.copied.values()),
        adopted_names=tuple(tensors.adopted.values()),
        fresh_names=fresh,
        dropped_names=dropped,
        checks=tuple(CheckLine(check.name, check.passed, check.detail, check.ran) for check in result.checks),
        notes=tuple(dict.fromkeys(notes)),
        training=training(result, paths[0]) if paths else None,
    )


def own_classes(recipe: Recipe) -> Iterator[str]:
    """What a file that plants the user's own classes needs wherever it is used."""
    edits = (edit for edit in recipe.edits if not isinstance(edit, Remove) and ":" in edit.module)
    for module in dict.fromkeys(edit.module.partition(":")[0] for edit in edits):
        package = module.partition(".")[0]
        yield (
            f"The files import {module} wherever they are used: {_how_to_have(package)}"
            f"surgeon opens them with --trust-module {package}."
        )


def _how_to_have(package: str) -> str:
    """What whoever uses the files must do about a package; whoever runs ``yolo`` has Ultralytics."""
    if package == "ultralytics":
        return ""
    file = getattr(sys.modules.get(package), "__file__", None)
    here = file is None or Path(file).resolve().is_relative_to(Path.cwd())
    return f"install it, or run yolo with PYTHONPATH={Path.cwd()}; " if here else f"{package} must be installed there; "


def _drift(model: OpenedModel) -> Iterator[str]:
    drift = model.drift
    if drift is None or not drift.lost:
        return
    flags = ", ".join(f"{name}={value}" for name, value in drift.flags.items())
    fate = "surgeon's cannot keep them either" if drift.unrestored else f"the written files keep them ({flags})"
    yield (
        f"{model.source} does not match its own model.yaml: {len(drift.lost)} tensors, first {drift.lost[0]}, do not "
        f"survive a stock rebuild; {fate}."
    )
