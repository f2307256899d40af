"""Which row of the candidate is which row of the baseline. Pure.

By the rename map of the edit where one is known; else by the longest common subsequence of (kind, shape, parameters),
within the gaps that it leaves by kind alone, so that a widened network still lines up, and within what is left by
position where both sides have equally many rows, so that a replaced block is one changed row.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from surgeon.profiler.results import LayerProfile
from surgeon.report.tables import Emphasis

IMAGE_INDEX = -1


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
    """Positions matched by (kind, shape, params), then in the gaps by kind, then by position."""
    sizes = len(before), len(after)
    matches = _common(
        [(row.kind, row.out_shape, row.params) for row in before],
        [(row.kind, row.out_shape, row.params) for row in after],
    )
    for old, new in tuple(_gaps(matches, sizes)):
        inner = _common([before[at].kind for at in old], [after[at].kind for at in new])
        matches += [(old[i], new[j]) for i, j in inner]
    matches.sort()
    for old, new in tuple(_gaps(matches, sizes)):
        if len(old) == len(new):
            matches += zip(old, new, strict=True)
    return sorted(matches)


def _gaps(matches: Sequence[tuple[int, int]], sizes: tuple[int, int]) -> Iterator[tuple[range, range]]:
    """The positions between matches, on both sides."""
    start_old = start_new = 0
    for old, new in (*matches, sizes):
        yield range(start_old, old), range(start_new, new)
        start_old, start_new = old + 1, new + 1


def _common(left: Sequence[Hashable], right: Sequence[Hashable]) -> list[tuple[int, int]]:
    """Longest common subsequence as pairs of positions, the earliest of equal ones."""
    lengths = [[0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i in range(len(left) - 1, -1, -1):
        for j in range(len(right) - 1, -1, -1):
            equal = left[i] == right[j]
            lengths[i][j] = lengths[i + 1][j + 1] + 1 if equal else max(lengths[i + 1][j], lengths[i][j + 1])
    pairs: list[tuple[int, int]] = []
    i = j = 0
    while i < len(left) and j < len(right):
        if left[i] == right[j]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif lengths[i + 1][j] >= lengths[i][j + 1]:
            i += 1
        else:
            j += 1
    return pairs
