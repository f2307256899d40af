"""Draws placed boxes as an SVG on an opaque ground of its own: readable on a light and on a dark page."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from docs.gallery.condense import Box
from docs.gallery.layout import place

MARGIN = 16.0
LINE = 17.0
SMALL = 15.0
ROUND = 13.0
"""Half the size of a box that says one sign only."""
COLOURS = {
    "end": ("#1f2937", "#1f2937", "#ffffff"),
    "layer": ("#dbeafe", "#3b72c4", "#111827"),
    "join": ("#fef3c7", "#b7791f", "#111827"),
    "step": ("#f3f4f6", "#8b95a5", "#111827"),
    "weight": ("#dcfce7", "#2f855a", "#111827"),
}
_STYLE = (
    "text{font-family:Helvetica,Arial,'DejaVu Sans',sans-serif;font-size:13px;text-anchor:middle}"
    ".s{font-size:11px;fill:#4b5563}.w{fill:#fff}.m{font-family:Menlo,Consolas,'DejaVu Sans Mono',monospace}"
    "path{fill:none;stroke:#4b5563;stroke-width:1.3}"
)


def draw(title: str, boxes: Mapping[str, Box]) -> str:
    """The drawing of a graph.

    Args:
        title: For readers who do not see it.
        boxes: Key -> box, each after those that it reads.
    """
    sizes = {key: _size(box) for key, box in boxes.items()}
    placed = place(sizes, {key: box.sources for key, box in boxes.items()})
    width, height = placed.width + 2 * MARGIN, placed.height + 2 * MARGIN
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        '<marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" style="fill:#4b5563;stroke:none"/></marker>',
        f'<rect width="{width:.0f}" height="{height:.0f}" rx="8" fill="#fff"/>',
    ]
    for (one, other), bends in placed.edges.items():
        top, bottom = placed.centres[one], placed.centres[other]
        start = (top[0], top[1] + sizes[one][1] / 2)
        finish = (bottom[0], bottom[1] - sizes[other][1] / 2)
        out.append(f'<path d="{_curve(start, bends, finish)}" marker-end="url(#a)"/>')
    for key, box in boxes.items():
        out.append(_box(box, placed.centres[key], sizes[key]))
    return "\n".join([*out, "</svg>", ""])


def _size(box: Box) -> tuple[float, float]:
    if _is_sign(box):
        return 2 * ROUND, 2 * ROUND
    widest = max([7.3 * len(line) for line in box.lines] + [6.8 * len(name) for name in _names(box)])
    if box.shape:
        widest = max(widest, 6.2 * (len(box.shape) + 2))
    small = len(_names(box)) + bool(box.shape)
    return max(widest + 18, 56), LINE * len(box.lines) + SMALL * small + 10


def _is_sign(box: Box) -> bool:
    return len(box.lines) == 1 and len(box.lines[0]) == 1 and box.kind != "end" and not box.shape


def _names(box: Box) -> list[str]:
    return [box.name] if box.name else []


def _box(box: Box, centre: tuple[float, float], size: tuple[float, float]) -> str:
    fill, stroke, _ = COLOURS[box.kind]
    x, y = centre[0] + MARGIN, centre[1] + MARGIN
    style = f'fill="{fill}" stroke="{stroke}"'
    if _is_sign(box):
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{ROUND:.0f}" {style}/>' + _text(x, y + 5, box.lines[0], "")
    top = y - size[1] / 2
    out = [
        f'<rect x="{x - size[0] / 2:.1f}" y="{top:.1f}" width="{size[0]:.1f}" height="{size[1]:.1f}" rx="5" {style}/>'
    ]
    light = "w" if box.kind == "end" else ""
    line = top + 5
    for text in box.lines:
        line += LINE
        out.append(_text(x, line - 4, text, light))
    for name in _names(box):
        line += SMALL
        out.append(_text(x, line - 4, name, "s m"))
    if box.shape:
        line += SMALL
        arrow = "" if box.kind == "end" else "→ "
        out.append(_text(x, line - 4, arrow + box.shape, f"s {light}".strip()))
    return "".join(out)


def _text(x: float, y: float, text: str, classes: str) -> str:
    mark = f' class="{classes}"' if classes else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{mark}>{escape(text)}</text>'


def _curve(start: tuple[float, float], bends: object, finish: tuple[float, float]) -> str:
    """Down from box to box: straight beside boxes, curved between rows."""
    x, y = start
    path = [f"M{x + MARGIN:.1f} {y + MARGIN:.1f}"]
    points = [(bend[0], bend[1], bend[2]) for bend in bends]  # type: ignore[attr-defined]
    for to, upper, lower in [*points, (finish[0], finish[1], finish[1])]:
        half = (upper - y) / 2
        path.append(
            f"C{x + MARGIN:.1f} {y + half + MARGIN:.1f} {to + MARGIN:.1f} {upper - half + MARGIN:.1f} "
            f"{to + MARGIN:.1f} {upper + MARGIN:.1f}"
        )
        if lower != upper:
            path.append(f"V{lower + MARGIN:.1f}")
        x, y = to, lower
    return "".join(path)
