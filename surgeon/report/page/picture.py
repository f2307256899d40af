"""The network as SVG: boxes that lead to their rows in the table, links between them, bars of the chosen figure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from surgeon.report import units
from surgeon.report.page.geometry import BOX_HEIGHT, BOX_WIDTH, Layout, Point, Wire
from surgeon.report.page.measures import Measure
from surgeon.report.page.network import Box, Drawing
from surgeon.report.rows_tables import sources
from surgeon.report.tables import Emphasis

_LONGEST, _LONGEST_SIGNED = 18, 16
_BEND = 6
_HEAD = 7
_BAR_LEFT, _BAR_ROOM = 8, BOX_WIDTH - 16
_SIGNS = {
    Emphasis.ADDED: "M132 11h8m-4 -4v8",
    Emphasis.REMOVED: "M132 11h8",
    Emphasis.CHANGED: "M131 12q2.5 -4 5 -1t5 -1",
}
_STANDING = {Emphasis.ADDED: "added", Emphasis.REMOVED: "removed", Emphasis.CHANGED: "changed"}


def picture(drawing: Drawing, layout: Layout, measures: Sequence[Measure], *, label: str, unit: str, ids: str) -> str:
    """A drawing as an SVG element.

    Args:
        drawing: Boxes and links.
        layout: Where they are.
        measures: What the bars may show.
        label: Name of the picture for those who do not see it.
        unit: What a row of the network is called.
        ids: Ids of the table's rows are this, a dash and the box's number.
    """
    links = "".join(_link(wire) for wire in sorted(layout.wires, key=lambda wire: wire.link.status.value))
    boxes = "".join(
        _box(box, corner, measures, unit, f"{ids}-{box.number}")
        for box, corner in zip(drawing.boxes, layout.corners, strict=True)
    )
    width, height = _text(layout.width), _text(layout.height)
    return (
        f'<svg class="net" role="group" aria-label="{escape(label)}" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}">{_columns(layout)}<g class="links" aria-hidden="true">{links}</g>'
        f'<g class="boxes">{boxes}</g></svg>'
    )


def section_of(box: Box) -> str:
    """``backbone``, ``head``, or ``body`` where the network has no sections."""
    section = box.row.site.partition(".")[0]
    return section if section in ("backbone", "head") else "body"


def status_of(box: Box) -> Emphasis:
    """Its standing; a row inside which a block was planted is marked like a planted one."""
    planted = box.row.grafts and (box.before is None or box.before.grafts != box.row.grafts)
    return Emphasis.ADDED if planted else box.status


def name_of(box: Box) -> str:
    """``10 GAM``; what was planted inside a row stands behind it: ``7 CSPLayer + GAM``."""
    return f"{box.row.index} {' + '.join((box.row.kind, *box.row.grafts))}"


def described(box: Box, unit: str) -> str:
    """A box in a sentence, for those who do not see it."""
    row, status = box.row, _STANDING.get(status_of(box))
    parts = [f"{unit} {name_of(box)}" + (f", {status}" if status else ""), row.site]
    parts += [f"output {units.shape(row.out_shape)}"] if row.out_shape else []
    return "; ".join([*parts, f"{units.count(row.params)} params", f"reads {sources(row.inputs)}"])


def _columns(layout: Layout) -> str:
    return "".join(
        f'<rect class="column" x="{_text(x - 6)}" y="22" width="{BOX_WIDTH + 12}" '
        f'height="{_text(layout.height - 22)}"/>'
        f'<text class="level" x="{_text(x + BOX_WIDTH / 2)}" y="14">{escape(title)}</text>'
        for x, title in layout.columns
    )


def _box(box: Box, corner: Point, measures: Sequence[Measure], unit: str, row_id: str) -> str:
    row = box.row
    status = _STANDING.get(status_of(box), "")
    bars = "".join(_figure(box, measure) for measure in measures if measure.known)
    sign = f'<path class="sign" d="{_SIGNS[status_of(box)]}"/>' if status_of(box) in _SIGNS else ""
    return (
        f'<a href="#{row_id}" data-row="{row_id}" data-box="{box.number}" class="box {section_of(box)} {status}" '
        f'aria-label="{escape(described(box, unit))}"><svg x="{_text(corner[0])}" y="{_text(corner[1])}" '
        f'width="{BOX_WIDTH}" height="{BOX_HEIGHT}">'
        f'<rect class="face" x="1" y="1" width="{BOX_WIDTH - 2}" height="{BOX_HEIGHT - 2}" rx="5"/>'
        f'<text class="name" x="8" y="15">{escape(clipped(name_of(box), bool(sign)))}</text>'
        f'<text class="shape" x="8" y="28">{escape(units.shape(row.out_shape) if row.out_shape else "")}</text>'
        f"{bars}{sign}</svg></a>"
    )


def _figure(box: Box, measure: Measure) -> str:
    figure = measure.after[box.number] or measure.before[box.number]
    if figure is None or figure.size is None:
        return ""
    text = figure.text.partition(" ± ")[0]
    width = _BAR_ROOM * figure.size / measure.most
    return (
        f'<g class="m m-{measure.key}"><text class="figure" x="{BOX_WIDTH - 8}" y="28">{escape(text)}</text>'
        f'<rect class="bar" x="{_BAR_LEFT}" y="31" width="{_text(width)}" height="2.5"/></g>'
    )


def clipped(text: str, signed: bool) -> str:
    """A label that fits a box, beside its sign where it has one; the box itself clips wide letters."""
    longest = _LONGEST_SIGNED if signed else _LONGEST
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def _link(wire: Wire) -> str:
    status = _STANDING.get(wire.link.status, "")
    classes = " ".join(name for name in ("skip" if wire.link.skip else "", status) if name)
    return (
        f'<g data-from="{wire.link.source}" data-to="{wire.link.target}" class="link {classes}">'
        f'<path d="{_path(wire.points)}"/><path class="tip" d="{_arrow(*wire.points[-2:])}"/></g>'
    )


def _path(points: Sequence[Point]) -> str:
    """A line with rounded corners; it stops short of the arrow's point."""
    drawn = [f"M{_text(points[0][0])} {_text(points[0][1])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        near, far = _towards(corner, before), _towards(corner, after)
        drawn.append(f"L{_pair(near)}Q{_pair(corner)} {_pair(far)}")
    end = _towards(points[-1], points[-2], _HEAD - 1)
    return "".join([*drawn, f"L{_pair(end)}"])


def _towards(start: Point, end: Point, most: float = _BEND) -> Point:
    """A point some way from one to the other, at most half of it."""
    length = abs(end[0] - start[0]) + abs(end[1] - start[1])
    share = min(most, length / 2) / length if length else 0.0
    return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])


def _arrow(before: Point, end: Point) -> str:
    (x, y), half = end, _HEAD / 2
    if before[0] == x:
        return f"M{_pair((x - half, y - _HEAD))}h{_HEAD}L{_pair(end)}z"
    back = x - _HEAD if before[0] < x else x + _HEAD
    return f"M{_pair((back, y - half))}v{_HEAD}L{_pair(end)}z"


def _pair(point: Point) -> str:
    return f"{_text(point[0])} {_text(point[1])}"


def _text(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
