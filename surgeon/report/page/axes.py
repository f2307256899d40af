"""Scales of the charts: from figures to pixels, and where their ticks stand. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

WIDTH, HEIGHT = 520, 300
LEFT, RIGHT, TOP, BOTTOM = 56, 14, 14, 44


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A range of figures on a range of pixels.

    Attributes:
        low, high: The figures at its ends.
        start, end: Their pixels.
        logarithmic: Whether equal ratios are equally far apart.
        whole: Whether only whole figures mean anything.
    """

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False
    whole: bool = False

    def at(self, figure: float) -> float:
        """The pixel of a figure."""
        low, high, value = (self.low, self.high, figure)
        if self.logarithmic:
            low, high, value = math.log10(low), math.log10(high), math.log10(value)
        return self.start + (self.end - self.start) * (value - low) / (high - low)

    def ticks(self) -> tuple[tuple[float, str], ...]:
        """Round figures within the range with their texts."""
        return (
            _decades(self.low, self.high)
            if self.logarithmic
            else _round(self.low, self.high, 1.0 if self.whole else 0.0)
        )


def level(low: float, high: float, *, logarithmic: bool = False) -> Scale:
    """A scale from left to right of a chart."""
    return Scale(low=low, high=high, start=LEFT, end=WIDTH - RIGHT, logarithmic=logarithmic)


def upright(low: float, high: float, *, logarithmic: bool = False, whole: bool = False) -> Scale:
    """A scale from the bottom to the top of a chart."""
    return Scale(low=low, high=high, start=HEIGHT - BOTTOM, end=TOP, logarithmic=logarithmic, whole=whole)


def frame(across: Scale, along: Scale, titles: tuple[str, str]) -> str:
    """Grid, ticks and titles of a chart as SVG.

    Args:
        across: The level scale.
        along: The upright scale.
        titles: Of both; plain words of this package.
    """
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = [
        f'<path class="grid" d="M{across.at(value):.1f} {TOP}V{bottom}"/>'
        f'<text x="{across.at(value):.1f}" y="{bottom + 16}" text-anchor="middle">{text}</text>'
        for value, text in across.ticks()
    ]
    parts += [
        f'<path class="grid" d="M{LEFT} {along.at(value):.1f}H{right}"/>'
        f'<text x="{LEFT - 7}" y="{along.at(value) + 4:.1f}" text-anchor="end">{text}</text>'
        for value, text in along.ticks()
    ]
    parts += [
        f'<text x="{(LEFT + right) / 2:.0f}" y="{HEIGHT - 6}" text-anchor="middle">{titles[0]}</text>',
        f'<text transform="translate(13 {(TOP + bottom) / 2:.0f}) rotate(-90)" text-anchor="middle">{titles[1]}</text>',
    ]
    return "".join(parts)


def _decades(low: float, high: float) -> tuple[tuple[float, str], ...]:
    """1, 10, 100 …; also 2 and 5 where those are few."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1,) if len(exponents) > 4 else (1, 2, 5)
    found = (step * 10.0**exponent for exponent in exponents for step in steps)
    return tuple((value, f"{value:g}") for value in found if low <= value <= high)


def _round(low: float, high: float, least: float) -> tuple[tuple[float, str], ...]:
    rough = max((high - low) / 6, least)
    decade = 10 ** math.floor(math.log10(rough))
    step = next(size * decade for size in (1, 2, 5, 10) if size * decade >= rough)
    first, last = math.ceil(low / step), math.floor(high / step)
    return tuple((number * step, f"{number * step:g}") for number in range(first, last + 1))
