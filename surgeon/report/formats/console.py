"""Documents on a terminal, by rich.

On a terminal: colour unless NO_COLOR is set (bold stays). Elsewhere: no escapes, 80 columns unless COLUMNS says
otherwise. On an output that is not Unicode every sign has an ASCII form, so printing never raises.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import StringIO
from typing import Literal, TextIO

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from surgeon.report.formats.layout import BAR_LEAST, BAR_WIDTH, Layout, fit
from surgeon.report.report import Report
from surgeon.report.tables import Bar, Cell, Column, Document, Emphasis, Facts, Notes, Part, Row, Table, is_empty

DEFAULT_WIDTH = 80
FILE_WIDTH = 120
_LEAST_WIDTH = 40
_INDENT = "  "
_FACTS_GAP = 2
_SIGNS = {Emphasis.ADDED: "▸ ", Emphasis.REMOVED: "- ", Emphasis.CHANGED: "~ "}
_STYLES = {
    Emphasis.NORMAL: "",
    Emphasis.ADDED: "bold",
    Emphasis.REMOVED: "dim",
    Emphasis.CHANGED: "",
    Emphasis.TOTAL: "bold",
}
_VERDICTS = {
    "slower": "bold red",
    "faster": "bold green",
    "inconclusive": "bold yellow",
    "more": "yellow",
    "less": "green",
    "passed": "green",
    "FAILED": "bold red",
    "not run": "yellow",
}
_ASCII = str.maketrans({"▸": ">", "…": "~", "█": "#", "×": "x", "→": "->", "–": "-", "—": "-", "±": "+-", "²": "2"})


def render(report: Report) -> str:
    """A report as plain text for a file, 120 characters a line."""
    return "\n".join(to_text(document, width=FILE_WIDTH) for document in report.documents)


def show(document: Document, *, file: TextIO | None = None, width: int | None = None) -> None:
    """Print a document.

    Args:
        document: What to print.
        file: Where to; standard output if None.
        width: Characters a line; by default the terminal's, COLUMNS, or 80.
    """
    target = sys.stdout if file is None else file
    encoding = getattr(target, "encoding", None) or "utf-8"
    console = Console(file=target, width=width or _width_of(target), force_jupyter=False)
    if console.is_terminal:
        _Printer(console, encoding).document(document)
    else:
        target.write(to_text(document, width=console.width, encoding=encoding))


def to_text(document: Document, *, width: int = DEFAULT_WIDTH, encoding: str = "utf-8") -> str:
    """A document as plain text without escapes; no line but a command is longer than ``width`` (40 at least).

    Args:
        document: What to render.
        width: Characters a line.
        encoding: Where the text will go; signs that it lacks are replaced.
    """
    buffer = StringIO()
    console = Console(
        file=buffer,
        width=max(_LEAST_WIDTH, width),
        color_system=None,
        force_terminal=False,
        force_jupyter=False,
        legacy_windows=False,
    )
    _Printer(console, encoding).document(document)
    return "".join(f"{line.rstrip()}\n" for line in buffer.getvalue().splitlines())


def _width_of(file: TextIO) -> int:
    """COLUMNS, the terminal's width, or 80."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdigit() and int(columns) > 0:
        return max(_LEAST_WIDTH, int(columns))
    try:
        return max(_LEAST_WIDTH, os.get_terminal_size(file.fileno()).columns)
    except (OSError, ValueError, AttributeError):
        return DEFAULT_WIDTH


def _cells(table: Table, row: Row) -> zip[tuple[Column, Cell]]:
    return zip(table.columns, row.cells, strict=True)


def _longest_word(text: str | Bar) -> int:
    return BAR_LEAST if isinstance(text, Bar) else max((cell_len(word) for word in text.split()), default=0)


def _grid(
    widths: Sequence[int],
    gap: int,
    justify: Sequence[Literal["left", "right"]] | None = None,
    wrap: Sequence[bool] | None = None,
) -> RichTable:
    """An empty table of fixed widths, with a column of spaces between any two."""
    grid = RichTable.grid()
    for at, width in enumerate(widths):
        if at:
            grid.add_column(width=gap)
        grid.add_column(
            width=width,
            justify=justify[at] if justify else "left",
            no_wrap=not (wrap is None or wrap[at]),
            overflow="fold",
        )
    return grid


def _spaced(cells: Sequence[Text]) -> list[Text]:
    """The cells with an empty one between any two."""
    return [part for cell in cells for part in (Text(""), cell)][1:]


class _Printer:
    """Prints the parts of a document to one console."""

    def __init__(self, console: Console, encoding: str) -> None:
        self._console = console
        self._encoding = encoding
        self._ascii = not encoding.lower().replace("-", "").replace("_", "").startswith("utf")

    def document(self, document: Document) -> None:
        """Print everything that has something to say, a blank line between parts."""
        self._line(document.title, "bold")
        for line in document.lines:
            self._line(line)
        for part in document.parts:
            if not is_empty(part):
                self._console.print()
                self._part(part)

    def _part(self, part: Part) -> None:
        if part.title:
            self._line(part.title, "bold")
        if isinstance(part, Table):
            self._table(part)
        elif isinstance(part, Facts):
            self._facts(part)
        else:
            self._notes(part)

    def _notes(self, notes: Notes) -> None:
        for sentence in notes.sentences:
            if notes.verbatim:
                # The terminal folds it; a copy of it is one line.
                self._console.print(Text(self._printable(sentence)), soft_wrap=True)
            else:
                self._line(sentence)

    def _facts(self, facts: Facts) -> None:
        names = [f"{_INDENT}{self._clean(name)}" for name, _ in facts.items]
        widest = max(cell_len(name) for name in names)
        grid = _grid((widest, max(1, self._console.width - widest - _FACTS_GAP)), _FACTS_GAP)
        for name, (_, value) in zip(names, facts.items, strict=True):
            grid.add_row(*_spaced([Text(name), Text(self._clean(value))]))
        self._console.print(grid)

    def _table(self, table: Table) -> None:
        """Headings, a rule, the rows; before a total another rule. Every width is ours, so that no rich differs."""
        texts = [[self._text(column, row, cell) for column, cell in _cells(table, row)] for row in table.rows]
        titles = [self._clean(column.title) for column in table.columns]
        natural = [
            max(cell_len(titles[at]), *(BAR_WIDTH if isinstance(text, Bar) else cell_len(text) for text in column))
            for at, column in enumerate(zip(*texts, strict=True))
        ]
        words = [
            max(_longest_word(text) for text in (title, *column))
            for title, column in zip(titles, zip(*texts, strict=True), strict=True)
        ]
        layout = fit(table.columns, natural, self._console.width, words)
        if layout.stacks:
            self._stacked(titles, texts, layout)
            return
        grid = self._new_grid(table, layout)
        grid.add_row(*_spaced([Text(titles[at]) for at in layout.positions]))
        self._flush(grid, layout)
        grid = self._new_grid(table, layout)
        for row, own in zip(table.rows, texts, strict=True):
            if row.emphasis is Emphasis.TOTAL:
                self._flush(grid, layout)
                grid = self._new_grid(table, layout)
            torn = self._too_long(table, own, layout)
            told = layout.positions[:torn]
            cells = ["" if at in told else text for at, text in enumerate(own)]
            if told:
                self._console.print(grid)
                self._above(table, row, own, layout, torn)
                grid = self._new_grid(table, layout)
            shown = zip(layout.positions, layout.widths, strict=True)
            styled = [self._styled(table.columns[at], cells[at], width) for at, width in shown]
            grid.add_row(*_spaced(styled), style=_STYLES[row.emphasis])
        self._console.print(grid)

    def _stacked(self, titles: Sequence[str], texts: Sequence[Sequence[str | Bar]], layout: Layout) -> None:
        """Each row as a list: its first cell, then headings and values."""
        first, *others = layout.positions
        for own in texts:
            self._line(f"{titles[first]} {own[first]}".strip())
            items = tuple((titles[at], str(own[at])) for at in others if own[at] and not isinstance(own[at], Bar))
            if items:
                self._facts(Facts(title="", items=items))

    @staticmethod
    def _too_long(table: Table, cells: Sequence[str | Bar], layout: Layout) -> int:
        """How many columns there are up to a name that does not fit and must not be broken; 0 where none is."""
        for number, (at, width) in enumerate(zip(layout.positions, layout.widths, strict=True), start=1):
            text = cells[at]
            if table.columns[at].whole and isinstance(text, str) and cell_len(text) > width:
                return number
        return 0

    def _above(self, table: Table, row: Row, cells: Sequence[str | Bar], layout: Layout, number: int) -> None:
        """The first cells of a row, the last of which takes the rest of the line."""
        widths = layout.widths[: number - 1]
        widths = (*widths, self._console.width - sum(widths) - layout.gap * len(widths))
        columns = [table.columns[at] for at in layout.positions[:number]]
        grid = _grid(widths, layout.gap, justify=[column.align for column in columns])
        texts = [cells[at] for at in layout.positions[:number]]
        styled = [self._styled(*one) for one in zip(columns, texts, widths, strict=True)]
        grid.add_row(*_spaced(styled), style=_STYLES[row.emphasis])
        self._console.print(grid)

    def _flush(self, grid: RichTable, layout: Layout) -> None:
        self._console.print(grid)
        self._console.print(Text(("-" if self._ascii else "─") * layout.total))

    @staticmethod
    def _new_grid(table: Table, layout: Layout) -> RichTable:
        columns = [table.columns[at] for at in layout.positions]
        return _grid(
            layout.widths,
            layout.gap,
            justify=[column.align for column in columns],
            wrap=[layout.folds or column.wrap or column.whole for column in columns],
        )

    def _text(self, column: Column, row: Row, cell: Cell) -> str | Bar:
        """The cell's text with its sign, before clipping; bars wait for their width."""
        if isinstance(cell, Bar):
            return cell
        return self._clean(f"{_SIGNS.get(row.emphasis, '')}{cell}" if column.signed else cell)

    def _styled(self, column: Column, text: str | Bar, width: int) -> Text:
        """The cell as rich prints it: clipped to its width, a verdict in its colour."""
        if isinstance(text, Bar):
            return Text(self._clean("█" * round(max(0.0, min(1.0, text.fraction)) * width)))
        if column.role == "verdict":
            return Text(text, style=_VERDICTS.get(text, ""))
        may_clip = column.shrink_to is not None and not column.wrap and not column.whole
        if may_clip and cell_len(text) > width:
            return Text(set_cell_size(text, width - 1) + self._clean("…"))
        return Text(text)

    def _line(self, text: str, style: str = "") -> None:
        self._console.print(Text(self._clean(text), style=style, overflow="fold"))

    def _clean(self, text: str) -> str:
        """The text in signs that the output can show."""
        return self._printable(text.translate(_ASCII) if self._ascii else text)

    def _printable(self, text: str) -> str:
        """The text without control characters (names come from files), and without what the output cannot show."""
        safe = "".join(sign if sign.isprintable() else " " if sign.isspace() else "?" for sign in text)
        return safe.encode(self._encoding, errors="replace").decode(self._encoding)
