"""What an edit does to the row numbers in a training command, and which tensors stand outside the planted blocks.

Pure data: no torch. The rules by which a trainer freezes are in ``surgeon/models/ultralytics/training.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from surgeon.surgery.plan import SurgeryPlan

Entry = int | str
"""One entry of a freeze list: a row number, or a path inside a row (``4.m.0.cv1``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowMove:
    """Consecutive original rows and where they went.

    Attributes:
        first, last: Their numbers before the edit, both included.
        now: The number that `first` has after it; None where the rows are gone.
    """

    first: int
    last: int
    now: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeList:
    """What to freeze so that nothing but some modules is trained.

    Attributes:
        entries: Row numbers, and paths inside rows where a row holds one of the modules.
        loose: Parameters that no entry can name without naming a kept module too: they stand beside the path to it.
    """

    entries: tuple[Entry, ...]
    loose: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How to train an edited network: translated numbers and command lines.

    Attributes:
        moves: Where the original rows went.
        freeze_before: N of the usual ``freeze=N``: the rows of the original backbone.
        freeze: The same after the edit, as the trainer takes it; the planted blocks stay trainable.
        embed_before: The last original row before the head, whose output ``embed`` takes by default.
        embed: The same row after the edit; None where it is gone.
        blocks: Paths of the planted blocks.
        only_blocks: The command that trains the planted blocks alone; None where ``freeze`` cannot say that.
        everything: The command that trains all.
        also_trained: Parameters outside the blocks that `only_blocks` cannot freeze.
        moving_statistics: BatchNorms outside the blocks whose running statistics move all the same.
        classes: Number of classes of the head, None where it is not known. A frozen head fits no other number.
        notes: What else the installed trainer makes of the new numbers.
    """

    moves: tuple[RowMove, ...]
    freeze_before: int
    freeze: str
    embed_before: int
    embed: int | None
    blocks: tuple[str, ...]
    only_blocks: str | None
    everything: str
    also_trained: tuple[str, ...] = ()
    moving_statistics: tuple[str, ...] = ()
    classes: int | None = None
    notes: tuple[str, ...] = ()


def row_moves(plan: SurgeryPlan) -> tuple[RowMove, ...]:
    """Where the original rows went, consecutive ones together."""
    return tuple(_runs(range(len(plan.before)), plan))


def _runs(rows: Iterable[int], plan: SurgeryPlan) -> Iterator[RowMove]:
    renames = plan.renames
    run: RowMove | None = None
    for row in rows:
        now = renames.get(row)
        if run is not None and _continues(run, row, now):
            run = RowMove(first=run.first, last=row, now=run.now)
            continue
        if run is not None:
            yield run
        run = RowMove(first=row, last=row, now=now)
    if run is not None:
        yield run


def _continues(run: RowMove, row: int, now: int | None) -> bool:
    if run.now is None or now is None:
        return run.now is None and now is None
    return now - row == run.now - run.first


def backbone_rows(plan: SurgeryPlan) -> int:
    """Rows of the original backbone: the N of the usual ``freeze=N``."""
    return sum(layer.section == "backbone" for layer in plan.before)


def frozen_rows(plan: SurgeryPlan, first: int, parameters: Sequence[str]) -> FreezeList:
    """``freeze=first`` of the original network, translated; planted blocks stay trainable.

    Args:
        plan: The edit.
        first: N of ``freeze=N``: the original rows 0 to N - 1.
        parameters: Names of the edited network's parameters.
    """
    renames = plan.renames
    rows = [renames[row] for row in range(first) if row in renames]
    return _freeze(rows, plan, parameters)


def all_but_blocks(plan: SurgeryPlan, parameters: Sequence[str]) -> FreezeList:
    """Everything that is no planted block of this edit.

    Args:
        plan: The edit.
        parameters: Names of the edited network's parameters.
    """
    return _freeze(range(len(plan.rows)), plan, parameters)


def _freeze(rows: Iterable[int], plan: SurgeryPlan, parameters: Sequence[str]) -> FreezeList:
    base = plan.before.layers[0].path.rpartition(".")[0]
    kept = tuple(plan.planted.values())
    entries: list[Entry] = []
    loose: list[str] = []
    for row in rows:
        path = f"{base}.{row}"
        if path in kept:
            continue
        if not _holds_one(path, kept):
            entries.append(row)
            continue
        for entry in _around(path, kept, parameters, loose):
            entries.append(entry.removeprefix(f"{base}."))
    return FreezeList(entries=tuple(entries), loose=tuple(loose))


def _around(path: str, kept: Sequence[str], parameters: Sequence[str], loose: list[str]) -> Iterator[str]:
    """The modules below ``path`` that cover all its parameters but those of the kept modules."""
    children: dict[str, None] = {}
    for name in parameters:
        if name.startswith(f"{path}."):
            child, dot, _ = name.removeprefix(f"{path}.").partition(".")
            if dot:
                children[f"{path}.{child}"] = None
            else:
                loose.append(name)
    for child in children:
        if child in kept:
            continue
        if _holds_one(child, kept):
            yield from _around(child, kept, parameters, loose)
        else:
            yield child


def _holds_one(path: str, kept: Sequence[str]) -> bool:
    return any(name.startswith(f"{path}.") for name in kept)
