"""How two networks differ, as data: which row is which by their records, which tensors and which lines of yaml differ.

Torch-free: whether two tensors are equal is asked of the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from surgeon.surgery.record import RECORD, Entry, composed

_ROWS = ("backbone", "head")


class Status(StrEnum):
    """What became of a tensor."""

    EQUAL = "equal"
    CHANGED = "changed"
    ONLY_BEFORE = "only in A"
    ONLY_AFTER = "only in B"


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorChange:
    """One tensor of A, of B, or of both.

    Attributes:
        before, after: Its name in each, None where it is not there.
        status: Whether they are equal, byte for byte.
        largest: Largest difference of two values, None where shapes differ or nothing does.
        shapes: Its shape in each where they differ, else empty.
    """

    before: str | None
    after: str | None
    status: Status
    largest: float | None = None
    shapes: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlChange:
    """One value of ``model.yaml`` that differs; a side that does not have it is None and so is its text."""

    key: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """How two networks come from one.

    Attributes:
        rows: Index of each row of A → of the same row in B.
        undone: Edits of A that B does not have.
        done: Edits of B that A does not have.
    """

    rows: Mapping[int, int]
    undone: int
    done: int


def lineage(
    before: Sequence[Entry], after: Sequence[Entry], origins: tuple[set[str], set[str]], sizes: tuple[int, int]
) -> Lineage | None:
    """What the records of two networks say of their rows; None where they have no ancestor in common.

    Args:
        before: The record of A.
        after: The record of B.
        origins: Digests that name the network which each record began with: a file's hash, its tensors' digest.
        sizes: Number of rows of each.
    """
    common = 0
    while common < min(len(before), len(after)) and before[common].data == after[common].data:
        common += 1
    if not common and not origins[0] & origins[1]:
        return None
    back, forth = _numbers(before[common:], sizes[0]), _numbers(after[common:], sizes[1])
    if back is None or forth is None:
        return None
    rows = {mine: forth[number] for number, mine in back.items() if number in forth}
    return Lineage(rows=rows, undone=len(before) - common, done=len(after) - common)


def _numbers(entries: Sequence[Entry], size: int) -> Mapping[int, int] | None:
    return composed(entries) if entries else {index: index for index in range(size)}


def tensor_changes(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    rows: Mapping[int, int],
    compare: Callable[[Any, Any], tuple[bool, float | None]],
) -> tuple[TensorChange, ...]:
    """Every tensor of two networks, in B's order, those of A alone at the end.

    Args:
        before: State dict of A.
        after: State dict of B.
        rows: Index of each row of A → of the same row in B.
        compare: Tells of two tensors whether they are equal, and their largest difference.
    """
    partner = {_moved(name, rows): name for name in before}
    changes = [_change(partner.get(name), name, before, tensor, compare) for name, tensor in after.items()]
    alone = (name for name in before if (new := _moved(name, rows)) is None or new not in after)
    changes += [TensorChange(before=name, after=None, status=Status.ONLY_BEFORE) for name in alone]
    return tuple(changes)


def _change(
    old: str | None,
    new: str,
    before: Mapping[str, Any],
    tensor: Any,
    compare: Callable[[Any, Any], tuple[bool, float | None]],
) -> TensorChange:
    if old is None:
        return TensorChange(before=None, after=new, status=Status.ONLY_AFTER)
    shapes = tuple(before[old].shape), tuple(tensor.shape)
    if shapes[0] != shapes[1]:
        return TensorChange(before=old, after=new, status=Status.CHANGED, shapes=shapes)
    equal, largest = compare(before[old], tensor)
    return TensorChange(before=old, after=new, status=Status.EQUAL if equal else Status.CHANGED, largest=largest)


def _moved(name: str, rows: Mapping[int, int]) -> str | None:
    """A tensor's name in B; None in a row that B does not have."""
    stem, _, rest = name.partition(".")
    number, _, inner = rest.partition(".")
    if stem != "model" or not number.isdigit():
        return name
    return f"{stem}.{rows[int(number)]}.{inner}" if int(number) in rows else None


def yaml_changes(
    before: Mapping[str, Any], after: Mapping[str, Any], rows: Mapping[int, int]
) -> tuple[YamlChange, ...]:
    """What differs in two ``model.yaml``: their keys, and of the same rows what is built with what arguments.

    What rows read is not told here, for their numbers move: the table of rows does. Nor are the records.
    """
    return (*_keys(before, after), *_rows(before, after, rows))


def _keys(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[YamlChange]:
    for key in dict.fromkeys((*before, *after)):
        if key in (*_ROWS, RECORD):
            continue
        old, new = before.get(key), after.get(key)
        if old != new or (key in before) != (key in after):
            texts = [repr(side[key]) if key in side else None for side in (before, after)]
            yield YamlChange(key=str(key), before=texts[0], after=texts[1])


def _rows(before: Mapping[str, Any], after: Mapping[str, Any], rows: Mapping[int, int]) -> Iterator[YamlChange]:
    old = [row for section in _ROWS for row in before.get(section, ())]
    new = [row for section in _ROWS for row in after.get(section, ())]
    for mine, theirs in rows.items():
        if mine < len(old) and theirs < len(new) and list(old[mine][1:]) != list(new[theirs][1:]):
            key = f"row {mine}" if mine == theirs else f"row {mine}, {theirs} in B"
            yield YamlChange(key=key, before=_row(old[mine]), after=_row(new[theirs]))


def _row(row: Sequence[Any]) -> str:
    """``C2f x2 [128, True]``: what is built, how often, with what."""
    repeats = "" if row[1] == 1 else f" x{row[1]}"
    return f"{row[2]}{repeats} {row[3] if len(row) > 3 else ''}".strip()
