"""Strides become columns: P1 for maps at half the image's side, P2 at a quarter, … and the heads behind them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from surgeon.report.page.network import Drawing

_FEWEST_LEVELS = 2
_ENOUGH = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which box stands in which column.

    Attributes:
        of: The column of each box.
        titles: A heading for each column.
    """

    of: tuple[int, ...]
    titles: tuple[str, ...]


def stride_columns(drawing: Drawing, imgsz: tuple[int, int]) -> Columns | None:
    """Columns by stride; None where the rows put out no pyramid of feature maps.

    A row without a map of its own (CBLinear, which puts out several) stands with what it reads as long as maps follow
    from it; the others are heads.

    Args:
        drawing: What is drawn.
        imgsz: Image size ``(H, W)`` in pixels.
    """
    own = [level_of(box.row.out_shape, imgsz) for box in drawing.boxes]
    levels = sorted({level for level in own if level is not None})
    if len(levels) < _FEWEST_LEVELS or sum(level is not None for level in own) < _ENOUGH * len(own):
        return None
    found = _inherited(drawing, own)
    numbers = {level: column for column, level in enumerate(levels)}
    heads = [level for level in found if level is None]
    titles = [f"P{level} /{2**level}" for level in levels]
    return Columns(
        of=tuple(len(levels) if level is None else numbers[level] for level in found),
        titles=(*titles, "heads") if heads else tuple(titles),
    )


def level_of(out_shape: Sequence[int] | None, imgsz: tuple[int, int]) -> int | None:
    """Level of the pyramid that a map ``(B, C, H, W)`` lies on, 0 for the image's own size; None for no such map."""
    if out_shape is None or len(out_shape) != 4 or min(out_shape[2:]) < 1:
        return None
    if max(out_shape[2:]) == 1:  # a pooled vector is no level
        return None
    high, wide = (math.log2(side / mapped) for side, mapped in zip(imgsz, out_shape[2:], strict=True))
    level = round((high + wide) / 2)
    return level if level >= 0 and abs(high - wide) < 1 else None


def _inherited(drawing: Drawing, own: Sequence[int | None]) -> list[int | None]:
    """Levels of all boxes: their own, or that of what they read where a map follows from them."""
    leads_on = [level is not None for level in own]
    for link in sorted(drawing.links, key=lambda link: -link.target):
        leads_on[link.source] = leads_on[link.source] or leads_on[link.target]
    found = list(own)
    for link in drawing.links:
        if found[link.target] is None and leads_on[link.target]:
            found[link.target] = found[link.source]
    return found
