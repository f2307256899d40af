"""Which way each link takes through the grid, so that none crosses a box. Pure, in cells, not in pixels.

Boxes fill cells. Between columns run gutters, between lines channels; both are free of boxes. A link to the next line
goes through the channel between them. Any other one leaves its box by the side, runs down a gutter, and enters the
reader by the side where nothing stands between, else through the channel above it from the top. Links of one box that
run down the same gutter share a track; tracks of different boxes do not touch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from surgeon.report.page.network import Drawing, Link
from surgeon.report.page.places import Places
from surgeon.report.tables import Emphasis

Net = tuple[int, Emphasis]
"""What may share a track: the links of one status that leave one box."""

Side = Literal["left", "right"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The way of one link.

    Attributes:
        link: The link.
        gutter: Number of the gutter it runs down (that left of column 0 is 0); None for the next line.
        exit_side: The side of its source by which it leaves towards the gutter.
        entry_side: The side of the reader by which it enters; None for the top.
    """

    link: Link
    gutter: int | None = None
    exit_side: Side | None = None
    entry_side: Side | None = None

    @property
    def net(self) -> Net:
        """With what it may share a track."""
        return self.link.source, self.link.status


def routes_of(drawing: Drawing, places: Places) -> tuple[Route, ...]:
    """A route for every link.

    Args:
        drawing: The boxes and links.
        places: Where the boxes stand.
    """
    lines: dict[int, list[int]] = defaultdict(list)
    for column, line in zip(places.column, places.line, strict=True):
        lines[line].append(column)
    return tuple(_route(link, places, lines) for link in drawing.links)


def gutter_tracks(routes: Iterable[Route], places: Places) -> dict[int, dict[Net, int]]:
    """For each gutter in use the track of each net in it, 0 the first from the left; short ways lie further left."""
    spans: dict[int, dict[Net, tuple[int, int]]] = defaultdict(dict)
    for route in routes:
        if route.gutter is not None:
            _extend(spans[route.gutter], route.net, (places.line[route.link.source], places.line[route.link.target]))
    return {gutter: _colored(found) for gutter, found in spans.items()}


def channel_tracks(routes: Iterable[Route], places: Places) -> dict[int, dict[Net, int]]:
    """For each channel in use, by the line below it, the track of each net in it, 0 the uppermost."""
    spans: dict[int, dict[Net, tuple[int, int]]] = defaultdict(dict)
    for route in routes:
        if route.entry_side is None:
            target = 2 * places.column[route.link.target] + 1
            start = 2 * places.column[route.link.source] + 1 if route.gutter is None else 2 * route.gutter
            line = places.line[route.link.target]
            _extend(spans[line], route.net, (min(start, target), max(start, target)))
    return {line: _colored(found) for line, found in spans.items()}


def _extend(spans: dict[Net, tuple[int, int]], net: Net, span: tuple[int, int]) -> None:
    first, last = spans.get(net, span)
    spans[net] = min(first, span[0]), max(last, span[1])


def _colored(spans: dict[Net, tuple[int, int]]) -> dict[Net, int]:
    """The lowest free track for each closed interval, the shortest intervals first."""
    tracks: list[list[tuple[int, int]]] = []
    found: dict[Net, int] = {}
    for net, (start, end) in sorted(spans.items(), key=lambda item: (item[1][1] - item[1][0], item[1], item[0])):
        free = (n for n, taken in enumerate(tracks) if all(end < first or last < start for first, last in taken))
        found[net] = next(free, len(tracks))
        if found[net] == len(tracks):
            tracks.append([])
        tracks[found[net]].append((start, end))
    return found


def _route(link: Link, places: Places, lines: dict[int, list[int]]) -> Route:
    source, target = places.column[link.source], places.column[link.target]
    start, end = places.line[link.source], places.line[link.target]
    if end == start + 1:
        return Route(link=link)
    rightwards = target >= source
    gutter = source + 1 if rightwards else source
    entry: Side = "left" if target >= gutter else "right"
    between = (gutter, target - 1) if entry == "left" else (target + 1, gutter - 1)
    alone = between[0] > between[1] or len(lines[end]) == 1
    return Route(
        link=link,
        gutter=gutter,
        exit_side="right" if rightwards else "left",
        entry_side=entry if alone and _is_free(lines[end], *between) else None,
    )


def _is_free(columns: Iterable[int], first: int, last: int) -> bool:
    """Whether no box of a line stands in a range of columns."""
    return not any(first <= column <= last for column in columns)
