"""Which row of the candidate is which row of the baseline. Pure.

By the rename map of the edit where one is known; else by the longest common subsequence of kinds, of several equally
long ones the one whose rows have most shapes and parameters in common, so that a widened network lines up row by row.
What is left is matched by position where both sides have equally many rows: a replaced block is one changed row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from surgeon.profiler.results import LayerProfile
from surgeon.report.tables import Emphasis

IMAGE_INDEX = -1
_EQUAL, _SAME_MAP, _SAME_KIND = 10, 9, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPair:
    """A row of the baseline, of the candidate, or both.

    Attributes:
        before: The baseline's row, None for an added one.
        after: The candidate's row, None for a removed one.
        changes: What differs, in words (``kind``, ``inputs``, ``params`` …); empty for an equal row.
        expected_inputs: The baseline's inputs in the candidate's numbering, None for rows that are gone.
    """

    before: LayerProfile | None
    after: LayerProfile | None
    changes: tuple[str, ...] = ()
    expected_inputs: tuple[int | None, ...] = ()

    @property
    def status(self) -> Emphasis:
        """Added, removed, changed or normal."""
        if self.before is None:
            return Emphasis.ADDED
        if self.after is None:
            return Emphasis.REMOVED
        return Emphasis.CHANGED if self.changes else Emphasis.NORMAL


def align(
    before: Sequence[LayerProfile], after: Sequence[LayerProfile], renames: Mapping[str, str] | None = None
) -> tuple[RowPair, ...]:
    """Pair the rows of two networks, in the candidate's order; removed rows stand where they were.

    Args:
        before: Rows of the baseline.
        after: Rows of the candidate.
        renames: Map baseline key → candidate key; empty or None where unknown.
    """
    matches = _by_renames(before, after, renames) if renames else _by_content(before, after)
    numbers = {before[i].index: after[j].index for i, j in matches}
    numbers[IMAGE_INDEX] = IMAGE_INDEX
    return tuple(_pair(old, new, numbers) for old, new in _merged(before, after, matches))


def _pair(old: LayerProfile | None, new: LayerProfile | None, numbers: Mapping[int, int]) -> RowPair:
    """A pair with what changed in it."""
    if old is None or new is None:
        return RowPair(before=old, after=new)
    expected = tuple(numbers.get(index) for index in old.inputs)
    differs = {
        "kind": old.kind != new.kind,
        "inputs": expected != new.inputs,
        "shape": old.out_shape != new.out_shape,
        "params": old.params != new.params,
        "MACs": old.macs != new.macs or old.executed != new.executed,
        "elementwise": old.elementwise_macs != new.elementwise_macs,
    }
    changes = tuple(name for name, different in differs.items() if different)
    return RowPair(before=old, after=new, changes=changes, expected_inputs=expected)


def _merged(
    before: Sequence[LayerProfile], after: Sequence[LayerProfile], matches: Sequence[tuple[int, int]]
) -> Iterator[tuple[LayerProfile | None, LayerProfile | None]]:
    """All rows of both in one order."""
    start_old = start_new = 0
    for old, new in (*matches, (len(before), len(after))):
        yield from ((row, None) for row in before[start_old:old])
        yield from ((None, row) for row in after[start_new:new])
        if old < len(before):
            yield before[old], after[new]
        start_old, start_new = old + 1, new + 1


def _by_renames(
    before: Sequence[LayerProfile], after: Sequence[LayerProfile], renames: Mapping[str, str]
) -> list[tuple[int, int]]:
    """Positions that an edit record knows to be the same row; a pair out of order counts as removed and added."""
    positions = {layer.key: position for position, layer in enumerate(after)}
    matches: list[tuple[int, int]] = []
    for old, layer in enumerate(before):
        new = positions.get(renames.get(layer.key, ""))
        if new is not None and (not matches or new > matches[-1][1]):
            matches.append((old, new))
    return matches


def _by_content(before: Sequence[LayerProfile], after: Sequence[LayerProfile]) -> list[tuple[int, int]]:
    """Positions matched by the common subsequence of kinds that fits best, then in the gaps by position."""
    matches = _common(before, after)
    for old, new in tuple(_gaps(matches, (len(before), len(after)))):
        if len(old) == len(new):
            matches += zip(old, new, strict=True)
    return sorted(matches)


def _gaps(matches: Sequence[tuple[int, int]], sizes: tuple[int, int]) -> Iterator[tuple[range, range]]:
    """The positions between matches, on both sides."""
    start_old = start_new = 0
    for old, new in (*matches, sizes):
        yield range(start_old, old), range(start_new, new)
        start_old, start_new = old + 1, new + 1


def _likeness(old: LayerProfile, new: LayerProfile) -> int:
    """0 for rows of different kinds. More rows matched count more than better matches: kind, map, everything."""
    if old.kind != new.kind:
        return 0
    if (old.out_shape, old.params) == (new.out_shape, new.params):
        return _EQUAL
    sides = [None if row.out_shape is None else row.out_shape[2:] for row in (old, new)]
    return _SAME_MAP if sides[0] == sides[1] else _SAME_KIND


def _common(before: Sequence[LayerProfile], after: Sequence[LayerProfile]) -> list[tuple[int, int]]:
    """Longest common subsequence of kinds, of the longest the most alike, as pairs of positions; else the earliest."""
    best = [[0] * (len(after) + 1) for _ in range(len(before) + 1)]
    for i in range(len(before) - 1, -1, -1):
        for j in range(len(after) - 1, -1, -1):
            alike = _likeness(before[i], after[j])
            best[i][j] = max(alike and alike + best[i + 1][j + 1], best[i + 1][j], best[i][j + 1])
    pairs: list[tuple[int, int]] = []
    i = j = 0
    while i < len(before) and j < len(after):
        alike = _likeness(before[i], after[j])
        if alike and best[i][j] == alike + best[i + 1][j + 1]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif best[i + 1][j] >= best[i][j + 1]:
            i += 1
        else:
            j += 1
    return pairs
