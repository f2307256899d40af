"""Documents as Markdown: pipe tables, as GitHub and notebooks show them."""

from __future__ import annotations

from surgeon.report.report import Report
from surgeon.report.tables import Bar, Cell, Document, Emphasis, Facts, Part, Row, Table, is_empty

_SIGNS = {Emphasis.ADDED: "▸ ", Emphasis.REMOVED: "- ", Emphasis.CHANGED: "~ "}


def render(report: Report) -> str:
    """A report as Markdown, a heading a result."""
    return "\n".join(to_markdown(document) for document in report.documents)


def to_markdown(document: Document, *, level: int = 3) -> str:
    """A document as Markdown.

    Args:
        document: What to render.
        level: Level of its heading.
    """
    blocks = [f"{'#' * level} {_escape(document.title)}", *(_escape(line) for line in document.lines)]
    for part in document.parts:
        if is_empty(part):
            continue
        if part.title:
            blocks.append(f"**{_escape(part.title)}**")
        blocks.append(_part(part))
    return "\n\n".join(blocks) + "\n"


def _part(part: Part) -> str:
    if isinstance(part, Table):
        return _table(part)
    if isinstance(part, Facts):
        return "\n".join(f"- {_escape(name)}: {_escape(value)}" for name, value in part.items)
    if part.verbatim:
        return "\n".join(f"    {sentence}" for sentence in part.sentences)
    return "\n\n".join(_escape(sentence) for sentence in part.sentences)


def _table(table: Table) -> str:
    """Every column except bars, which Markdown cannot show."""
    positions = [at for at, column in enumerate(table.columns) if column.role != "bar"]
    shown = [table.columns[at] for at in positions]
    rules = ["---:" if column.align == "right" else "---" for column in shown]
    lines = [[_escape(column.title) or " " for column in shown], rules]
    lines += [[_cell(table, row, at) for at in positions] for row in table.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(table: Table, row: Row, at: int) -> str:
    cell: Cell = row.cells[at]
    if isinstance(cell, Bar) or not cell:
        return ""
    sign = _SIGNS.get(row.emphasis, "") if table.columns[at].signed else ""
    text = _escape(f"{sign}{cell}")
    return f"**{text}**" if row.emphasis in (Emphasis.ADDED, Emphasis.TOTAL) else text


def _escape(text: str) -> str:
    """Text that Markdown shows as it is."""
    one_line = " ".join(text.split())
    for sign in "\\`*_[]|":
        one_line = one_line.replace(sign, f"\\{sign}")
    return one_line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
