"""The parts of a document as HTML, the same cells as in the terminal; all text escaped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from surgeon.report.tables import Bar, Cell, Column, Emphasis, Facts, Notes, Part, Row, Table, is_empty

_LONG = 40
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")

SIGNS = {Emphasis.ADDED: "+ ", Emphasis.REMOVED: "- ", Emphasis.CHANGED: "~ "}


def part_html(part: Part) -> str:
    """A part with its title; nothing for one that has nothing to say."""
    if is_empty(part):
        return ""
    if isinstance(part, Table):
        return table_html(part)
    title = f"<h4>{escape(part.title)}</h4>" if part.title else ""
    return title + (facts_html(part) if isinstance(part, Facts) else notes_html(part))


def prose(text: str) -> str:
    """A sentence whose options, ``--peak-bandwidth``, a browser does not break at their hyphens."""
    return _OPTION.sub(r"<code>\g<0></code>", escape(text))


def facts_html(facts: Facts) -> str:
    """Names and values as a list of descriptions."""
    items = "".join(f"<div><dt>{escape(name)}</dt><dd>{prose(value)}</dd></div>" for name, value in facts.items)
    return f'<dl class="facts">{items}</dl>'


def notes_html(notes: Notes) -> str:
    """Sentences as a list; commands as they are."""
    if notes.verbatim:
        return command_html("\n".join(notes.sentences))
    return f'<ul class="notes">{"".join(f"<li>{prose(text)}</li>" for text in notes.sentences)}</ul>'


def command_html(text: str) -> str:
    """Something to copy."""
    return f'<div class="copy"><pre tabindex="0"><code>{escape(text)}</code></pre></div>'


def table_html(table: Table, *, ids: Sequence[str] = (), classes: str = "", caption: bool = True) -> str:
    """A table that can be sorted.

    Args:
        table: What to show.
        ids: Of its first rows, which are those of the network; what comes after them stays at the end.
        classes: Of the element.
        caption: Whether to show its title.
    """
    title = f"<caption>{escape(table.title)}</caption>" if table.title and caption else ""
    head = "".join(f'<th scope="col" class="{column.role}">{escape(column.title)}</th>' for column in table.columns)
    padded = [*ids, *("",) * (len(table.rows) - len(ids))]
    rows = "".join(_row(table.columns, row, name, bool(ids)) for row, name in zip(table.rows, padded, strict=True))
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(table.title or "table")}">'
        f'<table class="{classes or "sortable"}">{title}<thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _row(columns: Sequence[Column], row: Row, row_id: str, named: bool) -> str:
    cells = "".join(_cell(column, cell, row) for column, cell in zip(columns, row.cells, strict=True))
    last = row.emphasis is Emphasis.TOTAL or (named and not row_id)
    classes = f"{row.emphasis.value}{' last' if last else ''}"
    return f'<tr{f""" id="{row_id}" """ if row_id else " "}class="{classes}">{cells}</tr>'


def _cell(column: Column, cell: Cell, row: Row) -> str:
    if isinstance(cell, Bar):
        width = 100 * max(0.0, min(1.0, cell.fraction))
        return f'<td class="bar" aria-hidden="true"><i style="width:{width:.1f}%"></i></td>'
    sign = SIGNS.get(row.emphasis, "") if column.signed else ""
    word = f" v-{cell}" if column.role == "verdict" and cell.isalpha() else " long" if len(cell) > _LONG else ""
    return f'<td class="{column.role}{escape(word)}">{escape(sign + cell)}</td>'
