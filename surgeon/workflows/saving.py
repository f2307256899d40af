"""Where a model is written, asked before an edit begins; and writing it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from surgeon.errors import OutputError

if TYPE_CHECKING:
    from surgeon.models.opened import OpenedModel
    from surgeon.surgery.plan import SurgeryPlan


def save(model: OpenedModel, out: str | Path | None = None, *, force: bool = False) -> tuple[Path, Path]:
    """Write a model as ``.pt`` and ``.yaml``.

    Args:
        model: An edited model.
        out: The ``.pt``; None for ``<name>.pt`` in the working directory, with the next free number if taken.
        force: Replace what exists. The file that the model was opened from is never replaced.

    Returns:
        The two paths.

    Raises:
        OutputError: Something is in the way.
    """
    from surgeon.models.family import family_of

    path = require_output(model, model.name, out, force=force)
    return family_of(model).write(model, path, force=force)


def check_output(model: OpenedModel, planned: SurgeryPlan, out: str | Path | None, *, force: bool) -> Path:
    """Where an edit will be written; refuses before anything is done what `save` would refuse after it.

    Raises:
        OutputError: Something is in the way.
    """
    return require_output(model, edited_name(model, planned), out, force=force)


def require_output(model: OpenedModel, name: str, out: str | Path | None, *, force: bool) -> Path:
    """Where a model would be written: `out`, or ``<name>.pt`` here with the next free number.

    Raises:
        OutputError: Something is in the way.
    """
    from surgeon.models.family import family_of
    from surgeon.models.ultralytics import writer, yaml_source

    if out is None:
        return writer.free_path(Path(), family_of(model).output_stem(model, name), yaml_source.is_shipped)
    path = Path(out)
    for target in (path, path.with_suffix(".yaml")):
        if model.path is not None and target.exists() and target.resolve() == model.path.resolve():
            raise OutputError(f"--out {target} is the source itself: surgeon never overwrites what it was given")
    if yaml_source.is_shipped(path.with_suffix(".yaml").name):
        raise OutputError(f"{path.stem}.yaml is a name that ships with Ultralytics; choose another --out")
    writer.require_free(path, force=force)
    return path


def edited_name(model: OpenedModel, planned: SurgeryPlan) -> str:
    """``<name>-<block>``, for each kind of block."""
    words = []
    for block in [*(row.block for row in planned.rows), *(graft.block for graft in planned.grafts)]:
        if block is not None and not block.adapter:
            words.append(block.module.rpartition(":")[2].lower())
    words = list(dict.fromkeys(words)) or ["edited"]
    return "-".join([model.name, *words])
