"""What is drawn of one network, or of one beside its baseline: boxes in execution order and the links between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from surgeon.profiler.results import LayerProfile
from surgeon.report.alignment import IMAGE_INDEX, RowPair
from surgeon.report.tables import Emphasis


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One row in the drawing.

    Attributes:
        number: Position in the drawing, from 0.
        before, after: The row in the baseline and in the network; at least one is there.
        status: Whether it is added, removed or changed.
    """

    number: int
    before: LayerProfile | None
    after: LayerProfile | None
    status: Emphasis

    @property
    def row(self) -> LayerProfile:
        """The row that is shown: the network's, of a removed one the baseline's."""
        shown = self.after or self.before
        assert shown is not None
        return shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One box reads another.

    Attributes:
        source, target: Numbers of the boxes.
        status: ``NORMAL``, ``ADDED`` (not in the baseline, or of a planted block) or ``REMOVED``.
        skip: Whether it reads anything but the row before it.
    """

    source: int
    target: int
    status: Emphasis = Emphasis.NORMAL
    skip: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """Boxes in execution order, and links from earlier to later ones."""

    boxes: tuple[Box, ...]
    links: tuple[Link, ...]


def drawing_of(layers: Sequence[LayerProfile]) -> Drawing:
    """One network by itself; blocks that surgeon planted count as added."""
    boxes = tuple(
        Box(number=number, before=None, after=row, status=Emphasis.ADDED if row.planted else Emphasis.NORMAL)
        for number, row in enumerate(layers)
    )
    planted = {box.number for box in boxes if box.row.planted}
    links = _links({row.index: number for number, row in enumerate(layers)}, layers)
    return Drawing(
        boxes=boxes,
        links=tuple(
            Link(source=source, target=target, skip=skip, status=_planted(source, target, planted))
            for (source, target), skip in links.items()
        ),
    )


def drawing_of_pairs(pairs: Sequence[RowPair]) -> Drawing:
    """A network and its baseline in one drawing: what was removed stands where it was."""
    boxes = tuple(
        Box(number=number, before=pair.before, after=pair.after, status=pair.status)
        for number, pair in enumerate(pairs)
    )
    old = [(box.number, box.before) for box in boxes if box.before is not None]
    new = [(box.number, box.after) for box in boxes if box.after is not None]
    before = _links({row.index: number for number, row in old}, [row for _, row in old])
    after = _links({row.index: number for number, row in new}, [row for _, row in new])
    links = [
        Link(source=s, target=t, skip=skip, status=Emphasis.NORMAL if (s, t) in before else Emphasis.ADDED)
        for (s, t), skip in after.items()
    ]
    links += [
        Link(source=s, target=t, skip=skip, status=Emphasis.REMOVED)
        for (s, t), skip in before.items()
        if (s, t) not in after and s < t
    ]
    return Drawing(boxes=boxes, links=tuple(links))


def _planted(source: int, target: int, planted: set[int]) -> Emphasis:
    return Emphasis.ADDED if source in planted or target in planted else Emphasis.NORMAL


def _links(numbers: dict[int, int], layers: Sequence[LayerProfile]) -> dict[tuple[int, int], bool]:
    """Links between drawn boxes as (source, target), with whether they skip rows; the image is not drawn."""
    return {
        (numbers[index], numbers[row.index]): row.index - index != 1
        for row in layers
        for index in row.inputs
        if index != IMAGE_INDEX and index in numbers
    }
