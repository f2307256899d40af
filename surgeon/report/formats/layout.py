"""Which columns of a table fit into a width, and how wide each becomes. Pure; widths are given, not measured.

Numbers are never clipped. Room is found in this order: narrower gaps, shorter bars, shorter texts, without the columns
marked as decoration, the narrowest gaps (before a name is torn from its row), and then without other columns, the most
dispensable first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from surgeon.report.tables import WIDE, Column

BAR_WIDTH = 8
BAR_LEAST = 4
DECORATION = 3
_GAPS = (3, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a table is laid out.

    Attributes:
        positions: The columns shown.
        widths: Their widths.
        gap: Spaces between them.
        folds: Whether even the narrowest layout was too wide, so that every cell must fold, numbers too.
        stacks: Whether a word would be torn even then: each row stands as a list of headings and values instead.
    """

    positions: tuple[int, ...]
    widths: tuple[int, ...]
    gap: int
    folds: bool = False
    stacks: bool = False

    @property
    def total(self) -> int:
        """Characters of a line."""
        return sum(self.widths) + self.gap * (len(self.widths) - 1)


def fit(columns: Sequence[Column], natural: Sequence[int], width: int, words: Sequence[int] = ()) -> Layout:
    """Lay out a table.

    Args:
        columns: The columns of the table.
        natural: For each column the width of its widest cell or heading.
        width: Characters that a line may take.
        words: For each column the width of its longest word, below which it is not folded.

    Returns:
        A layout of at most ``width`` characters (unless there are more columns than those have room for).
    """
    positions = [at for at, column in enumerate(columns) if width >= WIDE or not column.wide]
    while True:
        layout = _fit_all(columns, natural, positions, width)
        decoration = [at for at in positions if columns[at].drop >= DECORATION]
        if layout.total <= width and (layout.gap > 1 or not decoration):
            return layout
        dispensable = decoration or [at for at in positions if columns[at].drop]
        if not dispensable:
            return _folded(layout, width, [words[at] if words else 1 for at in positions])
        positions.remove(max(dispensable, key=lambda at: (columns[at].drop, at)))


def _fit_all(columns: Sequence[Column], natural: Sequence[int], positions: Sequence[int], width: int) -> Layout:
    """The roomiest layout of these columns that fits; else the narrowest."""
    full = [natural[at] for at in positions]
    short_bars = [
        max(BAR_LEAST, len(columns[at].title)) if columns[at].role == "bar" else size
        for at, size in zip(positions, full, strict=True)
    ]
    least = [_least(columns[at], size) for at, size in zip(positions, short_bars, strict=True)]
    for widths, gap in ((full, _GAPS[0]), (full, _GAPS[1]), (short_bars, _GAPS[1])):
        if sum(widths) + gap * (len(widths) - 1) <= width:
            return Layout(positions=tuple(positions), widths=tuple(widths), gap=gap)
    for gap in (_GAPS[1], 1):
        spare = width - sum(least) - gap * (len(least) - 1)
        widths = _grow(least, short_bars, spare)
        whole = all(
            size >= wanted or not columns[at].whole for at, size, wanted in zip(positions, widths, full, strict=True)
        )
        if spare >= 0 and whole:
            break
    return Layout(positions=tuple(positions), widths=tuple(widths), gap=gap)


def _least(column: Column, size: int) -> int:
    return size if column.shrink_to is None else min(size, max(column.shrink_to, len(column.title)))


def _folded(layout: Layout, width: int, words: Sequence[int]) -> Layout:
    """Take the characters that are missing one by one from the widest column; a word is torn last."""
    widths, stacks = list(layout.widths), False
    for _ in range(layout.total - width):
        giving = [at for at, size in enumerate(widths) if size > words[at]]
        stacks = stacks or not giving
        widest = max(giving or range(len(widths)), key=lambda at: widths[at])
        widths[widest] = max(1, widths[widest] - 1)
    return Layout(positions=layout.positions, widths=tuple(widths), gap=layout.gap, folds=True, stacks=stacks)


def _grow(least: Sequence[int], wanted: Sequence[int], spare: int) -> list[int]:
    """Give spare characters one by one to the narrowest column that wants more."""
    widths = list(least)
    for _ in range(max(0, spare)):
        wanting = [at for at, size in enumerate(widths) if size < wanted[at]]
        if not wanting:
            break
        widths[min(wanting, key=lambda at: widths[at])] += 1
    return widths
