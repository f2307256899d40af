"""Bars by row as tables, one a figure; the page shows the chosen one."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from surgeon.report.page.measures import Figure, Measure
from surgeon.report.page.network import Box, Drawing
from surgeon.report.page.parts import SIGNS
from surgeon.report.page.picture import name_of, section_of, status_of
from surgeon.report.units import NOTHING


def bars(drawing: Drawing, measures: Sequence[Measure], *, unit: str, ids: str) -> str:
    """A table for each figure that is known, a sentence for each that is not.

    Args:
        drawing: The boxes.
        measures: What there is to choose from.
        unit: What a row of the network is called.
        ids: As for `picture`.
    """
    return "".join(_table(drawing, measure, unit, ids) if measure.known else _missing(measure) for measure in measures)


def _missing(measure: Measure) -> str:
    return f'<p class="m m-{measure.key}">{escape(measure.title)}: not measured by row in this result.</p>'


def _table(drawing: Drawing, measure: Measure, unit: str, ids: str) -> str:
    compared = any(measure.before)
    heads = ("before", "after") if compared else (measure.title,)
    head = "".join(f'<th scope="col" class="number">{escape(text)}</th>' for text in heads)
    rows = "".join(_row(box, measure, compared, f"{ids}-{box.number}") for box in drawing.boxes)
    return (
        f'<table class="bars m m-{measure.key}"><caption>{escape(measure.title)}<small>{escape(measure.counted)}'
        f'</small></caption><thead><tr><th scope="col">{unit}</th>{head}<td></td></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _row(box: Box, measure: Measure, compared: bool, row_id: str) -> str:
    before, after = measure.before[box.number], measure.after[box.number]
    cells = ([before] if compared else []) + [after]
    texts = "".join(f'<td class="number">{escape(one.text if one else NOTHING)}</td>' for one in cells)
    was = _bar(before, measure.most, "was") if compared else ""
    standing = status_of(box)
    status = standing.value if standing in SIGNS else ""
    name = f"{SIGNS.get(standing, '')}{name_of(box)}"
    return (
        f'<tr data-row="{row_id}" class="{section_of(box)} {status}"><th scope="row">{escape(name)}</th>{texts}'
        f'<td aria-hidden="true">{was}{_bar(after, measure.most, "now")}</td></tr>'
    )


def _bar(figure: Figure | None, most: float, kind: str) -> str:
    if figure is None or not figure.size:
        return ""
    return f'<i class="{kind}" style="width:{100 * figure.size / most:.1f}%"></i>'
