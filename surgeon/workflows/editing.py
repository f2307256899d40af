"""open → tree · edit (plan → apply → checks) → save."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surgeon.errors import PlanError
from surgeon.graph import LayerGraph
from surgeon.graph.modules import ModuleTree
from surgeon.progress import begin
from surgeon.surgery.plan import SurgeryPlan, make_plan
from surgeon.surgery.recipe import Recipe
from surgeon.surgery.record import RECORD, before_edit
from surgeon.workflows.saving import edited_name

if TYPE_CHECKING:
    from torch import nn

    from surgeon.models.opened import OpenedModel
    from surgeon.surgery.checks import Check, Tensors

DEFAULT_IMGSZ = (640, 640)


@dataclass(frozen=True, slots=True, kw_only=True)
class SurgeryResult:
    """An edit that was carried out and kept its promises.

    Attributes:
        before, after: The models; `before` is as it was.
        plan: What was done.
        tensors: Where the tensors of the edited network come from.
        checks: What was verified.
    """

    before: OpenedModel
    after: OpenedModel
    plan: SurgeryPlan
    tensors: Tensors
    checks: tuple[Check, ...]


def open_model(source: Any, *, trust: bool = False, trust_modules: Sequence[str] = ()) -> OpenedModel:
    """Open a model; see `surgeon.open`."""
    from surgeon.models.opening import open_model as opening

    return opening(source, trust=trust, trust_modules=trust_modules)


def tree(model: OpenedModel, imgsz: tuple[int, int] = DEFAULT_IMGSZ) -> LayerGraph:
    """The rows of a model with their shapes at an image size ``(H, W)``."""
    from surgeon.models.family import family_of

    return family_of(model).graph(model, imgsz)


def modules(model: OpenedModel, imgsz: tuple[int, int] = DEFAULT_IMGSZ, graph: LayerGraph | None = None) -> ModuleTree:
    """The module tree of a model: what lies inside its rows."""
    from surgeon.models.modules.reader import image_channels, read_modules

    return read_modules(model.module, graph or tree(model, imgsz), imgsz, image_channels(model.module))


def plan(model: OpenedModel, recipe: Recipe, *, force: bool = False) -> SurgeryPlan:
    """What a recipe would do, without doing it.

    Args:
        model: The model.
        recipe: What to do.
        force: As in `edit`.

    Raises:
        InputError: The network cannot take the edit.
    """
    from surgeon.models.family import family_of

    _refuse_drift(model, force=force)
    side = 4 * family_of(model).stride(model.module)
    graph = tree(model, (side, side))
    return make_plan(graph, recipe, lambda: modules(model, (side, side), graph))


def edit(model: OpenedModel, recipe: Recipe, *, force: bool = False, checks: str = "fast") -> SurgeryResult:
    """Edit a copy of a model and verify every promise.

    Args:
        model: The model; it is not changed.
        recipe: What to do.
        force: Edit a checkpoint even where it does not match its own ``model.yaml`` and that cannot be restored, and
            plant a class of the user's own even where parts of it have no effect.
        checks: ``fast``, or ``full``, which adds what takes seconds: sizes in use, training mode, undo, a fresh
            process, fusion and ONNX.

    Raises:
        InputError: The network cannot take the edit; nothing has happened.
        CheckError: The edited network broke a promise; it is discarded.
    """
    from surgeon.models.digest import edit_digests
    from surgeon.models.family import family_of
    from surgeon.models.modules.adopting import adopt_tensors
    from surgeon.models.ultralytics.grafts_record import add_grafts
    from surgeon.surgery.checks import Passes, check_edit, map_tensors
    from surgeon.workflows.checking import check_fully, require_level

    require_level(checks)
    begin(f"editing {model.name}", early=True)
    planned = plan(model, recipe, force=force)
    family = family_of(model)
    module = family.edited(model, planned.rows, _record_entry(model, planned))
    add_grafts(module, planned.grafts, planned.moved, planned.dropped_paths)
    adopted = adopt_tensors(model.module, module, planned.stand_ins)
    before, after = family.network(model.module, planned.before), family.network(module, planned.before)
    passes = Passes(before, after, planned)
    tensors = map_tensors(passes, adopted)
    begin("checking the edit", early=True)
    verified = check_edit(passes, tensors, force=force)
    edited = dataclasses.replace(
        model,
        name=edited_name(model, planned),
        module=module,
        keys=tuple(row.key for row in planned.rows),
    )
    _sign(module, edit_digests(model.module, module, tensors.copied, tensors.fresh))
    if checks == "full":
        begin("checking in full")
        verified = (*verified, *check_fully(passes, model, edited))
    return SurgeryResult(before=model, after=edited, plan=planned, tensors=tensors, checks=verified)


def _refuse_drift(model: OpenedModel, *, force: bool) -> None:
    drift = model.drift
    if drift is not None and drift.unrestored and not force:
        raise PlanError(
            f"{model.source} does not match its own model.yaml: {len(drift.unrestored)} tensors, first "
            f"{drift.unrestored[0]}, would be lost when it is trained; --force edits it all the same"
        )


def _record_entry(model: OpenedModel, planned: SurgeryPlan) -> dict[str, Any]:
    description: Any = model.module.yaml
    return {
        "recipe": planned.recipe.to_dict(),
        "source": Path(model.source).name,
        "source_sha256": model.sha256,
        "source_dtype": model.dtype,
        "renames": {old: new for old, new in planned.renames.items() if old != new},
        "versions": {name: version(name) for name in ("yolo-surgeon", "torch", "ultralytics")},
        **({"grafts": len(planned.grafts)} if planned.grafts else {}),
        "before": before_edit(planned, description),
    }


def _sign(module: nn.Module, digests: Mapping[str, str]) -> None:
    """Add to the last entry what only the edited network tells."""
    description: Any = module.yaml
    entry = description[RECORD]["edits"][-1]
    entry["tensors"] = dict(digests)
    if entry["source_sha256"] is None:  # no file: the state itself is the source
        entry["source_sha256"] = f"state:{digests['former']}"
