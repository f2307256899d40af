"""diff: what became of a network, row by row and tensor by tensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from surgeon.profiler.results import LayerProfile
from surgeon.profiler.settings import ProfileSettings
from surgeon.report.alignment import align
from surgeon.report.diff import ModelDiff
from surgeon.report.tables import Emphasis
from surgeon.surgery.diff import lineage, tensor_changes, yaml_changes
from surgeon.workflows.editing import DEFAULT_IMGSZ
from surgeon.workflows.history import history
from surgeon.workflows.measuring import profile

if TYPE_CHECKING:
    from torch import Tensor

    from surgeon.models.opened import OpenedModel
    from surgeon.surgery.record import Entry


def diff(before: OpenedModel, after: OpenedModel, imgsz: tuple[int, int] = DEFAULT_IMGSZ) -> ModelDiff:
    """How two networks differ; nothing is timed.

    Rows are the same where the records of the networks say so (one was made from the other, or both from a third),
    else by kind, shape and position.

    Args:
        before: A.
        after: B.
        imgsz: Image size ``(H, W)`` in pixels at which shapes and MACs are taken.

    Raises:
        ModelFileError: A network cannot run at this size, or its record is damaged.
    """
    settings = ProfileSettings(imgsz=imgsz, latency=False)
    records = history(before), history(after)
    results = profile(before, settings), profile(after, settings)
    layers = results[0].layers, results[1].layers
    origins = _origins(before, records[0]), _origins(after, records[1])
    known = lineage(records[0], records[1], origins, (len(layers[0]), len(layers[1])))
    keys = {} if known is None else {layers[0][a].key: layers[1][b].key for a, b in known.rows.items()}
    if known is None and _alike(*layers):
        keys = {a.key: b.key for a, b in zip(*layers, strict=True)}
    pairs = align(layers[0], layers[1], keys)
    rows = {p.before.index: p.after.index for p in pairs if p.before is not None and p.after is not None}
    states = before.module.state_dict(), after.module.state_dict()
    descriptions = _description(before), _description(after)
    return ModelDiff(
        before=results[0],
        after=results[1],
        renames={layers[0][a].key: layers[1][b].key for a, b in rows.items()},
        by_record=known is not None,
        edits=(_phrases(records[0]), _phrases(records[1])),
        undone=0 if known is None else known.undone,
        done=0 if known is None else known.done,
        dtypes=(before.dtype, after.dtype),
        rows_differ=any(pair.status is not Emphasis.NORMAL for pair in pairs),
        tensors=tensor_changes(states[0], states[1], rows, _compare),
        description=yaml_changes(descriptions[0], descriptions[1], rows),
    )


def _alike(before: Sequence[LayerProfile], after: Sequence[LayerProfile]) -> bool:
    """Whether both are the same network at most at another width: trained again, another scale or number of classes."""
    return [(row.kind, row.inputs) for row in before] == [(row.kind, row.inputs) for row in after]


def _origins(model: OpenedModel, entries: tuple[Entry, ...]) -> set[str]:
    """What names the network that a model's record began with: the model itself where it has none."""
    from surgeon.models.digest import combined, tensor_digests

    if not entries:
        return {combined(tensor_digests(model.module)), *({model.sha256} if model.sha256 else ())}
    digests = entries[0].digests
    return {entries[0].source_sha256.removeprefix("state:"), *({digests.former} if digests else ())}


def _description(model: OpenedModel) -> Mapping[str, Any]:
    description: Mapping[str, Any] = getattr(model.module, "yaml", None) or {}
    return description


def _phrases(entries: tuple[Entry, ...]) -> tuple[str, ...]:
    return tuple(str(edit) for entry in entries for edit in entry.recipe.edits)


def _compare(one: Tensor, other: Tensor) -> tuple[bool, float | None]:
    """Whether two tensors of one shape are equal, and their largest difference if they are not."""
    import torch

    if one.dtype == other.dtype and torch.equal(one, other):
        return True, None
    wide = torch.float64
    largest = float((one.to(wide) - other.to(wide)).abs().max()) if one.numel() else 0.0
    return False, largest
