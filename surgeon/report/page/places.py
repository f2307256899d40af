"""Where each box stands: a column and a line of a grid. By strides where there are some, else by layers. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from surgeon.report.page.columns import stride_columns
from surgeon.report.page.network import Drawing


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """A cell of the grid for each box; no two boxes share one, and every link leads to a later line.

    Attributes:
        column, line: Of each box, from 0.
        titles: Headings of the columns, empty for none.
    """

    column: tuple[int, ...]
    line: tuple[int, ...]
    titles: tuple[str, ...]

    @property
    def columns(self) -> int:
        """Number of columns."""
        return max((*self.column, len(self.titles) - 1, 0)) + 1

    @property
    def lines(self) -> int:
        """Number of lines."""
        return max(self.line, default=0) + 1


def places_of(drawing: Drawing, imgsz: tuple[int, int]) -> Places:
    """By strides: one line a row, in execution order. Without strides: layers of rows that can run side by side."""
    columns = stride_columns(drawing, imgsz)
    if columns is None:
        return _layered(drawing)
    return Places(column=columns.of, line=tuple(range(len(drawing.boxes))), titles=columns.titles)


def _layered(drawing: Drawing) -> Places:
    """A box's line is its longest way from the start; in a line boxes stand below what they read."""
    line = [0] * len(drawing.boxes)
    sources: dict[int, list[int]] = defaultdict(list)
    for link in sorted(drawing.links, key=lambda link: link.target):
        line[link.target] = max(line[link.target], line[link.source] + 1)
        sources[link.target].append(link.source)
    column = [0] * len(drawing.boxes)
    for number in range(max(line, default=0) + 1):
        boxes = [box for box, at in enumerate(line) if at == number]
        wish = {box: _mean([column[source] for source in sources[box]]) for box in boxes}
        free = 0
        for box in sorted(boxes, key=lambda box: (wish[box], box)):
            column[box] = max(free, int(wish[box]))
            free = column[box] + 1
    return Places(column=tuple(column), line=tuple(line), titles=())


def _mean(values: list[int]) -> float:
    return sum(values) / len(values) if values else 0.0
