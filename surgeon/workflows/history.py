"""What an edited model remembers: its recipes, and the way back."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surgeon.errors import CheckError, PlanError
from surgeon.surgery.record import Entry, description_digest, read_record
from surgeon.workflows.saving import save
from surgeon.workflows.sources import Sources

if TYPE_CHECKING:
    from torch import nn

    from surgeon.models.opened import OpenedModel
    from surgeon.surgery.recipe import Recipe

_NARROW = ("float16", "bfloat16")


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoResult:
    """Edits that were taken back.

    Attributes:
        before, after: The models; `before` is as it was.
        undone: The entries of the record that are gone, the latest first.
        kept: Name of each tensor that stayed → its name in the edited model.
        removed: Names in the edited model of the tensors that went with the blocks.
        restored: Names of tensors that came back from the source.
        restored_from: Where they came from.
        same_tensors: Whether the tensors are those of the model before the edits, byte for byte.
        same_description: Whether ``model.yaml`` is.
        trained: Whether tensors outside the blocks have changed since the edits.
        blocks_trained: Whether tensors of the blocks have.
    """

    before: OpenedModel
    after: OpenedModel
    undone: tuple[Entry, ...]
    kept: dict[str, str]
    removed: tuple[str, ...]
    restored: tuple[str, ...] = ()
    restored_from: str | None = None
    same_tensors: bool = False
    same_description: bool = False
    trained: bool = False
    blocks_trained: bool = False


def history(model: OpenedModel) -> tuple[Entry, ...]:
    """The edits that a model records, the first first; empty for a model that surgeon never edited.

    Raises:
        ModelFileError: The record is damaged.
    """
    return read_record(_description(model.module), model.source)


def recipes(model: OpenedModel) -> tuple[Recipe, ...]:
    """The recipes that made a model: carried out one after the other they make it again.

    Raises:
        PlanError: It records no edit.
    """
    entries = history(model)
    if not entries:
        raise PlanError(f"{model.source} records no edit: surgeon has not edited it, so it has no recipe")
    return tuple(entry.recipe for entry in entries)


def undo(
    model: OpenedModel,
    *,
    steps: int | None = 1,
    source: OpenedModel | str | Path | None = None,
    known: Sequence[OpenedModel] = (),
    trust: bool = False,
    trust_modules: Sequence[str] = (),
) -> UndoResult:
    """Take the last edits of a model back.

    Of an untrained edit the result equals the model before it byte for byte, tensors and ``model.yaml``; of a trained
    one the blocks go and the trained weights stay.

    Args:
        model: An edited model; it is not changed.
        steps: How many edits; None for all that it records.
        source: The model before the edit, where tensors that the edit dropped are needed and it is not found beside
            the model or in the working directory.
        known: Models at hand that may be the source.
        trust: As for `open_model`, for the source.
        trust_modules: As for `open_model`, for the source.

    Raises:
        PlanError: The model records fewer edits, or the source is needed and missing or another.
        CheckError: The result is not the network that the record describes.
    """
    entries = history(model)
    count = _count(model, entries, steps)
    sources = Sources(model, source, known, trust=trust, trust_modules=trust_modules)
    names = list(model.module.state_dict())
    stage = _Stage(module=model.module, kept={name: name for name in names})
    for number in range(len(entries), len(entries) - count, -1):
        stage = _step(stage, entries[:number], sources, model.source)
    undone = tuple(reversed(entries[len(entries) - count :]))
    stayed = set(stage.kept.values())
    same_tensors, same_description = _equal_to_former(stage.module, undone[-1])
    if not (same_tensors and same_description):
        _check(stage, same_tensors, model)
    return UndoResult(
        before=model,
        after=_reopened(model, stage.module),
        undone=undone,
        kept=stage.kept,
        removed=tuple(name for name in names if name not in stayed),
        restored=stage.restored,
        restored_from=sources.used if stage.restored else None,
        same_tensors=same_tensors,
        same_description=same_description,
        trained=stage.trained,
        blocks_trained=stage.blocks_trained,
    )


def save_undone(result: UndoResult, out: str | Path | None = None, *, force: bool = False) -> tuple[Path, Path]:
    """Write the result of an undo as ``.pt`` and ``.yaml``; a byte-equal one in the type that the source's file had.

    Raises:
        OutputError: Something is in the way.
    """
    import copy

    import torch

    model, dtype = result.after, result.undone[-1].source_dtype
    if result.same_tensors and dtype in _NARROW:
        narrow = copy.deepcopy(model.module).to(getattr(torch, dtype))
        model = dataclasses.replace(model, module=narrow)
    return save(model, out, force=force)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    """A model on its way back; `UndoResult` says what the names mean."""

    module: nn.Module
    kept: dict[str, str]
    restored: tuple[str, ...] = ()
    trained: bool = False
    blocks_trained: bool = False


def _count(model: OpenedModel, entries: Sequence[Entry], steps: int | None) -> int:
    if not entries:
        raise PlanError(f"{model.source} records no edit: there is nothing to undo")
    if steps is not None and not 1 <= steps <= len(entries):
        number = f"{len(entries)} edit{'s' if len(entries) > 1 else ''}"
        raise PlanError(f"{model.source} records {number}: undo 1 to {len(entries)} of them, not {steps}")
    return len(entries) if steps is None else steps


def _step(stage: _Stage, entries: Sequence[Entry], sources: Sources, origin: str) -> _Stage:
    """Undo the last of some edits."""
    from surgeon.models.digest import combined, tensor_digests
    from surgeon.models.ultralytics.undo import lost_modules, undo_edit

    entry = entries[-1]
    former, digests = entry.former, entry.digests
    if former is None or digests is None:
        raise PlanError(
            f"{origin} was edited by a surgeon that recorded no way back: take {entry.source}, which it was made from"
        )
    lost = lost_modules(_description(stage.module), former)
    module = undo_edit(stage.module, former, sources.modules(entries, lost) if lost else {})
    inside = tuple(f"{path}." for path in lost)
    moved = {name: former.forth(name) for name in module.state_dict() if not name.startswith(inside or "\0")}
    came = {name: now for name, now in moved.items() if now is not None}
    state = tensor_digests(stage.module)
    stayed = set(came.values())
    kept_now = {name: state[now] for name, now in came.items()}
    planted_now = {name: digest for name, digest in state.items() if name not in stayed}
    back = {now: name for name, now in came.items()}
    return _Stage(
        module=module,
        kept={name: stage.kept[now] for name, now in came.items() if now in stage.kept},
        restored=(
            *(back[name] for name in stage.restored if name in back),
            *(name for name in module.state_dict() if name not in came),
        ),
        trained=stage.trained or combined(kept_now) != digests.kept,
        blocks_trained=stage.blocks_trained or combined(planted_now) != digests.planted,
    )


def _equal_to_former(module: nn.Module, entry: Entry) -> tuple[bool, bool]:
    """Whether a network's tensors, and its description, are those of before an edit."""
    from surgeon.models.digest import combined, tensor_digests

    assert entry.digests is not None
    tensors = combined(tensor_digests(module)) == entry.digests.former
    return tensors, description_digest(_description(module)) == entry.description


def _check(stage: _Stage, same_tensors: bool, model: OpenedModel) -> None:
    """Verify what an undo promises.

    Raises:
        CheckError: An untrained network is not what it was, or one that was trained is not what its yaml builds.
    """
    from surgeon.models.family import family_of

    if not stage.trained and not same_tensors:
        raise CheckError(
            f"{model.source} was not undone: its tensors are untouched since the edit, yet without it they are not "
            "those that the record names; the record does not fit the network"
        )
    family = family_of(model)
    side = 4 * family.stride(stage.module)
    undone = dataclasses.replace(model, module=stage.module, keys=())
    network = family.network(stage.module, family.graph(undone, (side, side)))
    rebuilt = network.rebuilt()
    if rebuilt.wiring() != network.wiring():
        raise CheckError(f"{model.source} was not undone: its rows without the edit are not those that its yaml builds")


def _reopened(model: OpenedModel, module: nn.Module) -> OpenedModel:
    from surgeon.models.ultralytics.drift import find_drift

    # No file holds this state: what is edited next records the state itself as its source.
    return dataclasses.replace(
        model,
        name=f"{model.name}-undone",
        module=module,
        sha256=None,
        keys=(),
        drift=find_drift(module) if model.family == "ultralytics" else model.drift,
    )


def _description(module: nn.Module) -> dict[str, Any]:
    description: dict[str, Any] = module.yaml  # type: ignore[assignment]
    return description
