"""plan · edit, for one recipe or for several that are carried out one after the other.

What several do comes back as one edit from the first network to the last: one plan, one set of tensors, all checks.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from surgeon.graph import PlannedGraft, PlannedRow
from surgeon.surgery.plan import SurgeryPlan
from surgeon.surgery.recipe import Recipe
from surgeon.workflows import editing
from surgeon.workflows.editing import SurgeryResult
from surgeon.workflows.saving import edited_name

if TYPE_CHECKING:
    from surgeon.models.opened import OpenedModel
    from surgeon.surgery.checks import Check, Tensors


def plan(model: OpenedModel, recipe: Recipe | Sequence[Recipe], **options: Any) -> SurgeryPlan:
    """What recipes would do, without doing it; of several all but the last are carried out on copies.

    Args:
        model: The model.
        recipe: What to do.
        **options: As for `surgeon.workflows.editing.plan`.

    Raises:
        InputError: The network cannot take one of the edits.
    """
    *first, last = _several(recipe)
    if not first:
        return editing.plan(model, last, **options)
    done = edit(model, first, **options)
    return _joined(done.plan, editing.plan(done.after, last, **options))


def edit(model: OpenedModel, recipe: Recipe | Sequence[Recipe], **options: Any) -> SurgeryResult:
    """Edit a copy of a model and verify every promise; the record gets an entry for each recipe.

    Args:
        model: The model; it is not changed.
        recipe: What to do.
        **options: As for `surgeon.workflows.editing.edit`.

    Raises:
        InputError: The network cannot take one of the edits; nothing has happened.
        CheckError: An edited network broke a promise; it is discarded.
    """
    first, *rest = _several(recipe)
    result = editing.edit(model, first, **options)
    for number, following in enumerate(rest, start=2):
        step = editing.edit(result.after, following, **options)
        planned = _joined(result.plan, step.plan)
        result = SurgeryResult(
            before=model,
            after=dataclasses.replace(step.after, name=edited_name(model, planned)),
            plan=planned,
            tensors=_followed(result.tensors, step.tensors),
            checks=(*_numbered(result.checks, number - 1), *_numbered(step.checks, number)),
        )
    return result


def _several(recipe: Recipe | Sequence[Recipe]) -> tuple[Recipe, ...]:
    return (recipe,) if isinstance(recipe, Recipe) else tuple(recipe)


def _numbered(checks: Sequence[Check], number: int) -> tuple[Check, ...]:
    """Checks that say of which recipe they are; those of earlier ones do so already."""
    mark = "recipe "
    return tuple(
        c if c.name.startswith(mark) else dataclasses.replace(c, name=f"{mark}{number}: {c.name}") for c in checks
    )


def _joined(one: SurgeryPlan, two: SurgeryPlan) -> SurgeryPlan:
    """Both plans as one."""
    mixed = one.recipe.mode != two.recipe.mode
    recipe = Recipe(
        edits=(*one.recipe.edits, *two.recipe.edits),
        mode="auto" if mixed else one.recipe.mode,
        adapt=one.recipe.adapt or two.recipe.adapt,
    )
    return SurgeryPlan(
        before=one.before,
        recipe=recipe,
        rows=tuple(_row(row, one) for row in two.rows),
        keeps_output=one.keeps_output and two.keeps_output,
        grafts=_grafts(one, two),
        notes=tuple(dict.fromkeys((*one.notes, *two.notes))),
    )


def _row(row: PlannedRow, one: SurgeryPlan) -> PlannedRow:
    """A row of the second plan, as it stands to the network before the first."""
    if row.source is None:
        return row
    earlier = one.rows[row.source]
    return dataclasses.replace(row, source=earlier.source, block=earlier.block)


def _grafts(one: SurgeryPlan, two: SurgeryPlan) -> tuple[PlannedGraft, ...]:
    """The grafts of both, all hosts in the numbering of the network before the first."""
    gone = tuple(f"{path}." for path in two.dropped_paths)
    grafts = [graft for graft in one.grafts if not gone or not f"{one.moved(graft.path)}.".startswith(gone)]
    former = {one.moved(layer.path): layer.path for layer in one.before if layer.index in one.renames}
    taken = {graft.key for graft in grafts} | {row.key for row in two.rows}
    for graft in two.grafts:
        row = next((path for path in former if f"{graft.host}.".startswith(f"{path}.")), graft.host)
        host = former.get(row, row) + graft.host.removeprefix(row)
        key = next(key for n in range(len(taken) + 1) if (key := graft.key + "_again" * n) not in taken)
        taken.add(key)
        grafts.append(dataclasses.replace(graft, host=host, key=key))
    return tuple(grafts)


def _followed(one: Tensors, two: Tensors) -> Tensors:
    copied = {old: two.copied[new] for old, new in one.copied.items() if new in two.copied}
    planted = (two.copied[name] for name in one.fresh if name in two.copied)
    dropped = (*one.dropped, *(old for old in one.copied if old not in copied))
    first = {**one.copied, **one.adopted}
    origin = {new: old for old, new in first.items()}
    adopted = {old: two.copied[new] for old, new in one.adopted.items() if new in two.copied}
    adopted |= {origin[old]: new for old, new in two.adopted.items() if old in origin}
    return dataclasses.replace(one, copied=copied, fresh=(*planted, *two.fresh), dropped=dropped, adopted=adopted)
