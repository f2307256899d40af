"""From cells to pixels: where each box lies and through which points each link runs. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate

from surgeon.report.page.network import Drawing, Link
from surgeon.report.page.places import Places, places_of
from surgeon.report.page.routing import Net, Route, Side, channel_tracks, gutter_tracks, routes_of
from surgeon.report.tables import Emphasis

BOX_WIDTH, BOX_HEIGHT = 148, 36
TITLES_HEIGHT = 26
_GUTTER, _CHANNEL, _TRACK = 22, 14, 8
_TOP_STEP, _BOTTOM_STEP = 14, 5

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """A link with the points it runs through; every stretch is level or upright, the last ends at the reader."""

    link: Link
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A drawing in pixels.

    Attributes:
        width, height: Of the whole.
        corners: Upper left corner of each box, all of `BOX_WIDTH` by `BOX_HEIGHT`.
        wires: The links.
        columns: Left edge and heading of each column with one.
    """

    width: float
    height: float
    corners: tuple[Point, ...]
    wires: tuple[Wire, ...]
    columns: tuple[tuple[float, str], ...]


def layout_of(drawing: Drawing, imgsz: tuple[int, int]) -> Layout:
    """Lay a drawing out.

    Args:
        drawing: Boxes and links.
        imgsz: Image size ``(H, W)`` in pixels, by which strides are told.
    """
    places = places_of(drawing, imgsz)
    routes = routes_of(drawing, places)
    grid = _Grid(places, routes)
    ports = _Ports(grid, routes)
    return Layout(
        width=grid.width,
        height=grid.height,
        corners=tuple(grid.corner(box.number) for box in drawing.boxes),
        wires=tuple(Wire(link=route.link, points=_points(route, grid, ports)) for route in routes),
        columns=tuple(zip(grid.left, places.titles, strict=False)),
    )


class _Grid:
    """Widths of gutters and heights of channels by the tracks in them, and what follows from that."""

    def __init__(self, places: Places, routes: Iterable[Route]) -> None:
        self.places = places
        self.gutters = gutter_tracks(routes, places)
        self.channels = channel_tracks(routes, places)
        wide = [_GUTTER + _TRACK * max(0, _count(self.gutters, g) - 1) for g in range(places.columns + 1)]
        high = [_CHANNEL + _TRACK * max(0, _count(self.channels, n) - 1) for n in range(places.lines + 1)]
        self.left = [end + BOX_WIDTH * n for n, end in enumerate(accumulate(wide[:-1]))]
        titles = TITLES_HEIGHT if places.titles else 0
        self.top = [titles + end + BOX_HEIGHT * n for n, end in enumerate(accumulate(high[:-1]))]
        self.width = sum(wide) + BOX_WIDTH * places.columns
        self.height = titles + sum(high) + BOX_HEIGHT * places.lines

    def corner(self, box: int) -> Point:
        """Upper left corner of a box."""
        return self.left[self.places.column[box]], self.top[self.places.line[box]]

    def side(self, box: int, side: Side) -> tuple[int, int]:
        """A side of a box, as its line and the gutter beyond it."""
        return self.places.line[box], self.places.column[box] + (side == "right")

    def gutter_x(self, route: Route) -> float:
        """Where the track of a route in its gutter lies."""
        assert route.gutter is not None
        start = 0.0 if route.gutter == 0 else self.left[route.gutter - 1] + BOX_WIDTH
        return start + _GUTTER / 2 + _TRACK * self.gutters[route.gutter][route.net]

    def channel_y(self, route: Route) -> float:
        """Where the track of a route in the channel above its reader lies."""
        line = self.places.line[route.link.target]
        tracks = self.channels[line]
        return self.top[line] - _CHANNEL / 2 - _TRACK * (max(tracks.values()) - tracks[route.net])


class _Ports:
    """Where links touch boxes: along the sides, what enters above what leaves, so that they do not cross."""

    def __init__(self, grid: _Grid, routes: tuple[Route, ...]) -> None:
        self._heights: dict[tuple[tuple[int, int], int, Net | Link], float] = {}
        # Two boxes that face each other across a gutter share its heights.
        facing: dict[tuple[int, int], dict[tuple[bool, float, int, Net | Link], None]] = defaultdict(dict)
        for route in routes:
            source, target = route.link.source, route.link.target
            if route.exit_side is not None:
                # Of what leaves, the nearest track goes lowest, of what enters highest.
                far = -_distance(grid, route, source)
                facing[grid.side(source, route.exit_side)][True, far, source, route.net] = None
            if route.entry_side is not None:
                far = _distance(grid, route, target)
                facing[grid.side(target, route.entry_side)][False, far, target, route.link] = None
        self._grid = grid
        for side, users in facing.items():
            for number, (_, _, box, user) in enumerate(sorted(users, key=lambda user: user[:3]), start=1):
                self._heights[side, box, user] = grid.corner(box)[1] + BOX_HEIGHT * number / (len(users) + 1)
        self._bottoms = _bottoms(grid, routes)
        self._tops = _tops(grid, routes, self._bottoms)

    def exit_y(self, route: Route) -> float:
        """Height at which a route leaves its box by the side."""
        assert route.exit_side is not None
        box = route.link.source
        return self._heights[self._grid.side(box, route.exit_side), box, route.net]

    def entry_y(self, route: Route) -> float:
        """Height at which a route enters its reader by the side."""
        assert route.entry_side is not None
        box = route.link.target
        return self._heights[self._grid.side(box, route.entry_side), box, route.link]

    def bottom_x(self, route: Route) -> float:
        """Where a route leaves its box at the bottom."""
        return self._bottoms[route.net]

    def top_x(self, route: Route) -> float:
        """Where a route enters its reader from the top."""
        return self._tops[route.link]


def _bottoms(grid: _Grid, routes: tuple[Route, ...]) -> dict[Net, float]:
    """The middle of the lower edge; where a box has links of several statuses there, one beside the other."""
    leaving: dict[int, dict[Net, None]] = defaultdict(dict)
    for route in routes:
        if route.gutter is None:
            leaving[route.link.source][route.net] = None
    steps = {Emphasis.NORMAL: 0, Emphasis.ADDED: _BOTTOM_STEP, Emphasis.REMOVED: -_BOTTOM_STEP}
    return {
        net: _middle(grid, box) + (steps[net[1]] if len(nets) > 1 else 0)
        for box, nets in leaving.items()
        for net in nets
    }


def _tops(grid: _Grid, routes: tuple[Route, ...], bottoms: Mapping[Net, float]) -> dict[Link, float]:
    """Places on the upper edge: the middle for what stands right above, the others beside it in the order they come."""
    places = grid.places
    occupied = set(zip(places.column, places.line, strict=True))
    entering: dict[int, list[tuple[float, Route]]] = defaultdict(list)
    for route in routes:
        if route.entry_side is None:
            x = bottoms[route.net] if route.gutter is None else grid.gutter_x(route)
            entering[route.link.target].append((x, route))
    found = {}
    for box, users in entering.items():
        middle = _middle(grid, box)
        below_another = (places.column[box], places.line[box] - 1) in occupied
        straight = [route for x, route in users if route.gutter is None and x == middle]
        others = sorted(((x, route) for x, route in users if route not in straight), key=lambda user: user[0])
        left = [route for x, route in others if x < middle]
        right = [route for x, route in others if x >= middle]
        if not straight and not below_another and len(others) == 1:
            found[others[0][1].link] = middle
            continue
        step = min(_TOP_STEP, (BOX_WIDTH / 2 - 6) / max(1, len(left), len(right)))
        found |= {route.link: middle for route in straight}
        found |= {route.link: middle - step * n for n, route in enumerate(reversed(left), start=1)}
        found |= {route.link: middle + step * n for n, route in enumerate(right, start=1)}
    return found


def _points(route: Route, grid: _Grid, ports: _Ports) -> tuple[Point, ...]:
    """The way of one route in pixels."""
    (left, top), (to_left, to_top) = grid.corner(route.link.source), grid.corner(route.link.target)
    if route.gutter is None:
        start, end = ports.bottom_x(route), ports.top_x(route)
        below = top + BOX_HEIGHT
        if start == end:
            return (start, below), (end, to_top)
        y = grid.channel_y(route)
        return (start, below), (start, y), (end, y), (end, to_top)
    x, leaving = grid.gutter_x(route), ports.exit_y(route)
    start = left + (BOX_WIDTH if route.exit_side == "right" else 0)
    if route.entry_side is None:
        y, end = grid.channel_y(route), ports.top_x(route)
        return (start, leaving), (x, leaving), (x, y), (end, y), (end, to_top)
    entering = ports.entry_y(route)
    side = to_left + (BOX_WIDTH if route.entry_side == "right" else 0)
    return (start, leaving), (x, leaving), (x, entering), (side, entering)


def _middle(grid: _Grid, box: int) -> float:
    return grid.corner(box)[0] + BOX_WIDTH / 2


def _distance(grid: _Grid, route: Route, box: int) -> float:
    return abs(grid.gutter_x(route) - _middle(grid, box))


def _count(tracks: Mapping[int, Mapping[Net, int]], number: int) -> int:
    return 1 + max(tracks[number].values()) if number in tracks else 0
