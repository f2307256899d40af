"""The seam between results and renderers: documents of plain tables.

A builder turns a result into a `Document`; a renderer (console, HTML, Markdown, and those to come) turns a document
into its format. Cells are text already; what a renderer may decide is width, signs, colour and which columns fit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

WIDE = 110
"""Terminal columns from which the columns marked ``wide`` are shown."""


class Emphasis(StrEnum):
    """Why a row stands out. Each renderer shows it by a sign or a weight, never by colour alone."""

    NORMAL = "normal"
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    TOTAL = "total"


@dataclass(frozen=True, slots=True)
class Bar:
    """A cell that is a bar, from 0 to 1 of the column."""

    fraction: float


Cell = str | Bar


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column.

    Attributes:
        title: Heading.
        role: ``text``, ``number`` (never clipped), ``verdict`` (a word with a meaning) or ``bar``.
        shrink_to: Characters to which a text may shrink where room is short; None for never.
        wrap: Whether a text that had to shrink continues on the next line; else it is clipped.
        whole: Whether a text that does not fit stands above the rest of its row instead, in one piece: names.
        drop: Where room is short, columns with a higher number go first; 0 for never, 3 for decoration.
        wide: Shown only where there is room (from `WIDE` terminal columns).
        signed: The cell that carries the row's sign (``▸`` for an added row).
    """

    title: str
    role: Literal["text", "number", "verdict", "bar"] = "text"
    shrink_to: int | None = None
    wrap: bool = False
    whole: bool = False
    drop: int = 0
    wide: bool = False
    signed: bool = False

    @property
    def align(self) -> Literal["left", "right"]:
        """Numbers stand right, all else left."""
        return "right" if self.role == "number" else "left"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: a cell for every column."""

    cells: tuple[Cell, ...]
    emphasis: Emphasis = Emphasis.NORMAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table with a title."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    def __post_init__(self) -> None:
        """Every row has a cell for every column."""
        assert all(len(row.cells) == len(self.columns) for row in self.rows), self.title

    def column(self, title: str) -> tuple[Cell, ...]:
        """The cells under a heading."""
        position = [column.title for column in self.columns].index(title)
        return tuple(row.cells[position] for row in self.rows)

    def without(self, title: str) -> Table:
        """The table without the column under a heading."""
        kept = [at for at, column in enumerate(self.columns) if column.title != title]
        rows = (replace(row, cells=tuple(row.cells[at] for at in kept)) for row in self.rows)
        return replace(self, columns=tuple(self.columns[at] for at in kept), rows=tuple(rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Names and values, one a line."""

    title: str
    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    """Sentences.

    Attributes:
        title: Heading.
        sentences: One a line.
        verbatim: Commands to copy: nothing is wrapped, replaced or escaped in them.
    """

    title: str
    sentences: tuple[str, ...]
    verbatim: bool = False


Part = Table | Facts | Notes


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A report: a title, lines that state the conditions, and its parts. Empty parts are left out by renderers."""

    title: str
    lines: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()

    @property
    def tables(self) -> tuple[Table, ...]:
        """The parts that are tables."""
        return tuple(part for part in self.parts if isinstance(part, Table))


def is_empty(part: Part) -> bool:
    """Whether a part has nothing to say."""
    if isinstance(part, Table):
        return not part.rows
    return not (part.items if isinstance(part, Facts) else part.sentences)
