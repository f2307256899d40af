r"""Results as LaTeX with booktabs: measured networks as a paper's ablation table, everything else as plain tables.

What a file needs is said in its first lines (``\usepackage{booktabs}``); it is meant for ``\input``.
"""

from __future__ import annotations

from surgeon.report.formats.ablation import ablation
from surgeon.report.formats.latex_text import escape
from surgeon.report.report import Report
from surgeon.report.tables import Bar, Document, Emphasis, Facts, Part, Row, Table, is_empty

_HEAD = r"""% Made by surgeon. In the preamble:
%   \usepackage{booktabs}
"""
_WIDE = "% Across both columns of a two-column paper: table* in place of table.\n"
_LONG = "%   \\usepackage{longtable}\n"
_MOST_TEXT = 40
_MOST_ROWS = 50
_BOLD = (Emphasis.ADDED, Emphasis.TOTAL)


def render(report: Report) -> str:
    """A report as LaTeX for another document: the paper's table where networks were measured, else plain tables."""
    if report.networks and len(report.networks) == len(report.results):
        return _HEAD + _WIDE + ablation(report.networks, report.scores)
    return _HEAD + _LONG + "\n".join(to_latex(document) for document in report.documents)


def to_latex(document: Document) -> str:
    """A document as LaTeX: long tables, without bars and the columns that need room.

    Args:
        document: What to render.
    """
    blocks = [rf"\paragraph{{{escape(document.title)}}}", *(escape(line) for line in document.lines)]
    blocks += [_part(part) for part in document.parts if not is_empty(part)]
    return "\n\n".join([r"\begin{sloppypar}", *blocks, r"\end{sloppypar}"]) + "\n"


def _part(part: Part) -> str:
    title = rf"\textbf{{{escape(part.title)}}}" + "\n\n" if part.title else ""
    if isinstance(part, Table):
        return title + _table(part)
    if isinstance(part, Facts):
        items = "\n".join(rf"  \item[{{{escape(name)}}}] {escape(value)}" for name, value in part.items)
        return f"{title}\\begin{{description}}\n{items}\n\\end{{description}}"
    if part.verbatim:
        return title + "\n\n".join(rf"{{\ttfamily\small {_breakable(text)}\par}}" for text in part.sentences)
    return title + "\n\n".join(escape(sentence) for sentence in part.sentences)


def _breakable(command: str) -> str:
    """A command that may break behind its commas."""
    return escape(command).replace(",", r",\allowbreak{}")


def _table(table: Table) -> str:
    """A table on one page; a long one may break."""
    positions = [at for at, column in enumerate(table.columns) if column.role != "bar" and not column.wide]
    columns = "".join(_align(table, at) for at in positions)
    heads = " & ".join(escape(table.columns[at].title) for at in positions)
    is_long = len(table.rows) > _MOST_ROWS
    kind = "longtable" if is_long else "tabular"
    lines = [rf"\begin{{{kind}}}{{@{{}}{columns}@{{}}}}", r"\toprule", rf"{heads} \\", r"\midrule"]
    lines += [r"\endhead"] if is_long else []
    for row in table.rows:
        lines += [r"\midrule"] if row.emphasis is Emphasis.TOTAL else []
        lines.append(rf"{' & '.join(_cell(table, row, at) for at in positions)} \\")
    body = "\n".join([*lines, r"\bottomrule", rf"\end{{{kind}}}"])
    return f"\\smallskip\n\n\\noindent{{\\footnotesize\\setlength{{\\tabcolsep}}{{4pt}}\n{body}\n}}\n\n\\smallskip"


def _align(table: Table, at: int) -> str:
    """Numbers right; a text that is long somewhere in a paragraph of its own."""
    longest = max(len(cell) for cell in (row.cells[at] for row in table.rows) if not isinstance(cell, Bar))
    if table.columns[at].align == "right":
        return "r"
    return r"p{0.4\linewidth}" if longest > _MOST_TEXT else "l"


def _cell(table: Table, row: Row, at: int) -> str:
    cell = row.cells[at]
    if isinstance(cell, Bar) or not cell:
        return ""
    return rf"\textbf{{{escape(cell)}}}" if row.emphasis in _BOLD else escape(cell)
