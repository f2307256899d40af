"""One network as the page shows it, alone or against its baseline: picture, bars, roofline, pairs and rows belong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape

from surgeon.profiler.results import Comparison, PairedLatency, ProfileResult
from surgeon.report.alignment import align
from surgeon.report.comparison import candidate_labels
from surgeon.report.layers_table import layers_table
from surgeon.report.page.bars import bars
from surgeon.report.page.differences import differences_html
from surgeon.report.page.geometry import layout_of
from surgeon.report.page.measures import Measure, measures_of
from surgeon.report.page.network import Drawing, drawing_of, drawing_of_pairs
from surgeon.report.page.parts import table_html
from surgeon.report.page.picture import picture, section_of, status_of
from surgeon.report.page.roofline import roofline_html
from surgeon.report.rows_tables import changed_rows, unit_of
from surgeon.report.tables import Column, Emphasis, Table
from surgeon.report.units import NOTHING

_MEANINGS = {
    "backbone": "backbone",
    "head": "head",
    "body": "layer",
    "added": "+ added",
    "removed": "- removed",
    "changed": "~ changed",
}
_UNITS = {"row": "rows", "stage": "stages"}


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A network and what it is shown against.

    Attributes:
        label: Its name.
        network: Its profile.
        baseline: What it is compared with, None for a network alone.
        paired: Their times in pairs, None where there are none.
        drawing: Both in one drawing.
        table: A row for each box of the drawing, then what else the terminal's table has.
        ids: Prefix of ids on the page, its own.
    """

    label: str
    network: ProfileResult
    baseline: ProfileResult | None
    paired: PairedLatency | None
    drawing: Drawing
    table: Table
    ids: str

    @property
    def unit(self) -> str:
        """What a row of it is called."""
        return unit_of(self.network.layers)

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The choices of figures."""
        return measures_of(self.drawing, self.network, self.baseline)


def profile_view(result: ProfileResult, ids: str) -> View:
    """A network alone."""
    return View(
        label=result.name,
        network=result,
        baseline=None,
        paired=None,
        drawing=drawing_of(result.layers),
        table=layers_table(result),
        ids=ids,
    )


def comparison_views(comparison: Comparison, ids: str) -> tuple[View, ...]:
    """Each candidate against the baseline."""
    baseline, labels = comparison.results[0], candidate_labels(comparison.results)
    renames = comparison.renames or ({},) * (len(labels) - 1)
    views = []
    for number, (result, names) in enumerate(zip(comparison.results[1:], renames, strict=True)):
        views.append(
            View(
                label=labels[number + 1],
                network=result,
                baseline=baseline,
                paired=comparison.paired[number] if comparison.paired else None,
                drawing=drawing_of_pairs(align(baseline.layers, result.layers, names)),
                table=changed_rows(baseline, result, names, label=labels[number + 1], all_rows=True),
                ids=f"{ids}c{number}",
            )
        )
    return tuple(views)


def view_html(view: View, level: int) -> str:
    """Picture, bars, paired differences and roofline of a view, side by side where there is room.

    Args:
        view: What to show.
        level: Of its headings.
    """
    rows = {box.row.key: f"{view.ids}-{box.number}" for box in view.drawing.boxes if box.after is not None}
    pairs = "" if view.paired is None else _part("paired differences", differences_html(view.paired, view.label), level)
    charts = f"{_bars(view, level)}{pairs}{_part('roofline', roofline_html(view.network, rows, view.baseline), level)}"
    return f'<div class="view"><div>{_picture(view, level)}</div><div class="charts">{charts}</div></div>'


def rows_html(view: View) -> str:
    """The table of all rows; those that an edit left alone can be hidden."""
    ids = [f"{view.ids}-{box.number}" for box in view.drawing.boxes]
    table = table_html(_with_memory(view), ids=ids, classes="sortable rows", caption=view.baseline is None)
    if view.baseline is None:
        return table
    changed = any(box.status is not Emphasis.NORMAL for box in view.drawing.boxes)
    hide = (
        f'<label><input type="checkbox" class="only"> only {_UNITS[view.unit]} that changed</label>' if changed else ""
    )
    return f'<div class="filtered">{hide}{table}</div>'


def _with_memory(view: View) -> Table:
    """The terminal's table with what is alive while each row runs, where that was predicted."""
    memory = next(measure for measure in view.measures if measure.key == "memory")
    if not memory.known:
        return view.table
    texts = [one.text if one else NOTHING for one in memory.after]
    texts += [""] * (len(view.table.rows) - len(texts))
    rows = (replace(row, cells=(*row.cells, text)) for row, text in zip(view.table.rows, texts, strict=True))
    columns = (*view.table.columns, Column(title="MiB alive", role="number"))
    return Table(title=view.table.title, columns=columns, rows=tuple(rows))


def _picture(view: View, level: int) -> str:
    against = "" if view.baseline is None else f", what differs from {view.baseline.name} marked"
    label = f"{view.label}: {view.unit} by {view.unit}, one column a stride{against}"
    layout = layout_of(view.drawing, view.network.settings.imgsz)
    drawn = picture(view.drawing, layout, view.measures, label=label, unit=view.unit, ids=view.ids)
    frame = f'<div class="scroll" role="region" tabindex="0" aria-label="picture of {escape(view.label)}">{drawn}</div>'
    return _part(view.label, f"<figure>{_legend(view)}{frame}</figure>", level)


def _legend(view: View) -> str:
    boxes = view.drawing.boxes
    kinds = {section_of(box) for box in boxes} | {status_of(box).value for box in boxes}
    items = [f'<li><i class="sw {kind}"></i>{_MEANINGS[kind]}</li>' for kind in _MEANINGS if kind in kinds]
    if any(link.skip for link in view.drawing.links):
        items.append(f'<li><i class="sw skip"></i>reads an earlier {view.unit} than the one before</li>')
    if any(link.status is Emphasis.REMOVED for link in view.drawing.links):
        items.append('<li><i class="sw gone"></i>connection of the baseline only</li>')
    return f'<ul class="legend">{"".join(items)}</ul>'


def _bars(view: View, level: int) -> str:
    table = bars(view.drawing, view.measures, unit=view.unit, ids=view.ids)
    return _part(f"by {view.unit}", table, level)


def _part(title: str, html: str, level: int) -> str:
    return f"<section><h{level}>{escape(title)}</h{level}>{html}</section>"
