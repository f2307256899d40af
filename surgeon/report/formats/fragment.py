"""Documents as an HTML fragment: simple tables with inline style, nothing loaded from anywhere, all text escaped."""

from __future__ import annotations

from html import escape

from surgeon.report.tables import Bar, Cell, Column, Document, Emphasis, Facts, Part, Row, Table, is_empty

_SIGNS = {Emphasis.ADDED: "▸ ", Emphasis.REMOVED: "- ", Emphasis.CHANGED: "~ "}
_BORDER = "border-bottom:1px solid rgba(128,128,128,.35)"
_WEIGHT = {Emphasis.ADDED: "font-weight:bold", Emphasis.TOTAL: "font-weight:bold", Emphasis.REMOVED: "opacity:.65"}
_BAR = '<div aria-hidden="true" style="width:{0:.1f}%;height:.7em;background:currentColor;opacity:.45"></div>'


def to_html(document: Document) -> str:
    """A document as an HTML fragment for a notebook's cell."""
    blocks = [f"<p><strong>{escape(document.title)}</strong></p>", *(f"<p>{escape(x)}</p>" for x in document.lines)]
    blocks += [_part(part) for part in document.parts if not is_empty(part)]
    return f'<div class="surgeon-report">{"".join(blocks)}</div>'


def _part(part: Part) -> str:
    if isinstance(part, Table):
        return _table(part)
    title = f"<p><strong>{escape(part.title)}</strong></p>" if part.title else ""
    if isinstance(part, Facts):
        rows = "".join(
            f'<tr><th scope="row" style="text-align:left">{escape(name)}</th>'
            f'<td style="text-align:left">{escape(value)}</td></tr>'
            for name, value in part.items
        )
        return f'{title}<table style="border-collapse:collapse">{rows}</table>'
    if part.verbatim:
        return f"{title}<pre>{escape(chr(10).join(part.sentences))}</pre>"
    return title + "".join(f"<p>{escape(sentence)}</p>" for sentence in part.sentences)


def _table(table: Table) -> str:
    caption = f'<caption style="text-align:left;font-weight:bold">{escape(table.title)}</caption>'
    heads = "".join(
        f'<th scope="col" style="text-align:{column.align};{_BORDER}">{escape(column.title)}</th>'
        for column in table.columns
    )
    rows = "".join(_row(table, row) for row in table.rows)
    return (
        f'<table style="border-collapse:collapse">{caption if table.title else ""}'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _row(table: Table, row: Row) -> str:
    cells = "".join(_cell(column, cell, row) for column, cell in zip(table.columns, row.cells, strict=True))
    return f'<tr style="{_WEIGHT.get(row.emphasis, "")}">{cells}</tr>'


def _cell(column: Column, cell: Cell, row: Row) -> str:
    if isinstance(cell, Bar):
        return f'<td style="min-width:6em">{_BAR.format(100 * max(0.0, min(1.0, cell.fraction)))}</td>'
    sign = _SIGNS.get(row.emphasis, "") if column.signed else ""
    return f'<td style="text-align:{column.align};white-space:nowrap">{escape(sign + cell)}</td>'
