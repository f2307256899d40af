"""Places boxes: rows by the longest way from the input, an order with few crossings, straight long edges."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

SWEEPS = 24
GAP = 26.0
"""Pixels between two boxes of a row."""
LANE = 14.0
"""Pixels that a passing edge takes."""
ROW_GAP = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Where everything is, in pixels.

    Attributes:
        centres: Key -> centre of the box.
        edges: (from, to) -> the points through which the edge passes between the two, top to bottom, as pairs of a
            row's upper and lower end: the edge is straight there.
        width: Of the drawing.
        height: Of the drawing.
    """

    centres: Mapping[str, tuple[float, float]]
    edges: Mapping[tuple[str, str], Sequence[tuple[float, float, float]]]
    width: float
    height: float


def place(sizes: Mapping[str, tuple[float, float]], sources: Mapping[str, Sequence[str]]) -> Placed:
    """Lay a graph out from top to bottom.

    Args:
        sizes: Key -> width and height in pixels, each key after those that it reads.
        sources: Key -> the keys that it reads.
    """
    rows = _rows(sizes, sources)
    edges = [(source, key) for key in sizes for source in sources[key]]
    chains: dict[tuple[str, str], list[str]] = {}
    width = {key: size[0] for key, size in sizes.items()}
    row_of = dict(rows)
    for one, other in edges:
        lanes = [f"{one}>{other}>{row}" for row in range(rows[one] + 1, rows[other])]
        chains[(one, other)] = [one, *lanes, other]
        for number, lane in enumerate(lanes):
            row_of[lane], width[lane] = rows[one] + 1 + number, LANE
    links = [pair for chain in chains.values() for pair in pairwise(chain)]
    order = _order(row_of, links)
    x = _across(order, links, width, set(sizes))
    _straighten(x, order, [chain[1:-1] for chain in chains.values()], width)
    left = min(x[key] - width[key] / 2 for key in x)
    right = max(x[key] + width[key] / 2 for key in x)
    heights = [max((sizes[key][1] for key in row if key in sizes), default=0) for row in order]
    tops, y = [], 0.0
    for height in heights:
        tops.append(y)
        y += height + ROW_GAP
    centres = {key: (x[key] - left, tops[rows[key]] + heights[rows[key]] / 2) for key in sizes}
    bends = {
        edge: [(x[lane] - left, tops[row_of[lane]], tops[row_of[lane]] + heights[row_of[lane]]) for lane in chain[1:-1]]
        for edge, chain in chains.items()
    }
    return Placed(centres=centres, edges=bends, width=right - left, height=y - ROW_GAP)


def _rows(sizes: Mapping[str, tuple[float, float]], sources: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Longest way from the input; what is read more than it reads stands just above its first reader."""
    rows: dict[str, int] = {}
    for key in sizes:
        rows[key] = max((rows[source] + 1 for source in sources[key]), default=0)
    readers = defaultdict(list)
    for key in sizes:
        for source in sources[key]:
            readers[source].append(key)
    first = next(iter(sizes))
    for key in reversed(list(sizes)):
        if key != first and len(readers[key]) > len(sources[key]):
            rows[key] = min(rows[reader] for reader in readers[key]) - 1
    return rows


def _order(row_of: Mapping[str, int], links: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Order each row: sweeps by the mean place of the neighbours, the order with the fewest crossings kept."""
    rows: list[list[str]] = [[] for _ in range(max(row_of.values()) + 1)]
    above, below = defaultdict(list), defaultdict(list)
    for one, other in links:
        above[other].append(one)
        below[one].append(other)
    seen: set[str] = set()

    def visit(key: str) -> None:
        if key not in seen:
            seen.add(key)
            rows[row_of[key]].append(key)
            for other in below[key]:
                visit(other)

    for key in row_of:
        if not above[key]:
            visit(key)
    best, fewest = [list(row) for row in rows], _crossings(rows, links)
    for sweep in range(SWEEPS):
        neighbours = above if sweep % 2 == 0 else below
        for row in rows if sweep % 2 == 0 else reversed(rows):
            place = {key: i for one in rows for i, key in enumerate(one)}
            now = {key: i for i, key in enumerate(row)}
            row.sort(
                key=lambda key, place=place, now=now: (  # type: ignore[misc]
                    sum(place[n] for n in neighbours[key]) / len(neighbours[key]) if neighbours[key] else now[key]
                )
            )
        _swap(rows, links)
        if (count := _crossings(rows, links)) < fewest:
            best, fewest = [list(row) for row in rows], count
    return best


def _swap(rows: list[list[str]], links: Sequence[tuple[str, str]]) -> None:
    """Exchange neighbours in a row wherever that removes crossings."""
    for row in rows:
        for i in range(len(row) - 1):
            before = _crossings(rows, links)
            row[i], row[i + 1] = row[i + 1], row[i]
            if _crossings(rows, links) >= before:
                row[i], row[i + 1] = row[i + 1], row[i]


def _crossings(rows: Sequence[Sequence[str]], links: Sequence[tuple[str, str]]) -> int:
    place = {key: (r, i) for r, row in enumerate(rows) for i, key in enumerate(row)}
    by_row = defaultdict(list)
    for one, other in links:
        by_row[place[one][0]].append((place[one][1], place[other][1]))
    total = 0
    for pairs in by_row.values():
        for i, (a, b) in enumerate(pairs):
            total += sum((a - c) * (b - d) < 0 for c, d in pairs[i + 1 :])
    return total


def _across(
    order: Sequence[Sequence[str]], links: Sequence[tuple[str, str]], width: Mapping[str, float], real: set[str]
) -> dict[str, float]:
    """Horizontal places: each box near its neighbours, long edges straight, nothing overlapping."""
    x: dict[str, float] = {}
    for row in order:
        total = 0.0
        for key in row:
            x[key] = total + width[key] / 2
            total += width[key] + GAP
        for key in row:
            x[key] -= total / 2
    pulls: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for one, other in links:
        # A long edge shall be straight between its ends.
        strength = 1.0 if one in real and other in real else 2.0 if one in real or other in real else 60.0
        pulls[one].append((other, strength))
        pulls[other].append((one, strength))
    for sweep in range(16 * SWEEPS):
        for row in order if sweep % 2 == 0 else list(reversed(order)):
            wanted, weights = [], []
            for key in row:
                weight = sum(strength for _, strength in pulls[key])
                wanted.append(sum(x[k] * strength for k, strength in pulls[key]) / weight if weight else x[key])
                weights.append(weight or 1.0)
            x.update(zip(row, _apart(row, wanted, weights, width), strict=True))
    return x


def _straighten(
    x: dict[str, float], order: Sequence[Sequence[str]], lanes: Sequence[Sequence[str]], width: Mapping[str, float]
) -> None:
    """Put the lanes of a long edge exactly below each other where nothing stands in the way."""
    where = {key: (row, i) for row in order for i, key in enumerate(row)}

    def free(lane: str, at: float) -> bool:
        row, i = where[lane]
        left = x[row[i - 1]] + width[row[i - 1]] / 2 if i else float("-inf")
        right = x[row[i + 1]] - width[row[i + 1]] / 2 if i + 1 < len(row) else float("inf")
        return left + LANE / 2 + GAP / 4 <= at <= right - LANE / 2 - GAP / 4

    for chain in lanes:
        for at in sorted({x[lane] for lane in chain}, key=lambda at: sum(abs(x[lane] - at) for lane in chain)):
            if all(free(lane, at) for lane in chain):
                x.update(dict.fromkeys(chain, at))
                break


def _apart(
    row: Sequence[str], wanted: Sequence[float], weights: Sequence[float], width: Mapping[str, float]
) -> list[float]:
    """The places nearest to the wanted ones that keep order and distance (pool adjacent violators)."""
    offsets, total = [], 0.0
    for i, key in enumerate(row):
        if i:
            total += (width[row[i - 1]] + width[key]) / 2 + (
                GAP if width[key] > LANE and width[row[i - 1]] > LANE else GAP / 2
            )
        offsets.append(total)
    blocks: list[tuple[float, float, int]] = []
    for want, weight, offset in zip(wanted, weights, offsets, strict=True):
        value, mass, count = want - offset, weight, 1
        while blocks and blocks[-1][0] > value:
            last, other, number = blocks.pop()
            value = (value * mass + last * other) / (mass + other)
            mass, count = mass + other, count + number
        blocks.append((value, mass, count))
    flat = [value for value, _, count in blocks for _ in range(count)]
    return [value + offset for value, offset in zip(flat, offsets, strict=True)]
