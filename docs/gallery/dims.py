"""Sizes as symbols: what a dimension is called, judged by its values at two widths and two map sizes at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """The two inputs at which a block was recorded: a name fits a dimension only if it fits at both.

    Attributes:
        channels: Of the two inputs.
        heights: In pixels.
        widths: In pixels.
    """

    channels: Pair
    heights: Pair
    widths: Pair

    def name(self, pair: Pair) -> str:
        """``C/2``, ``H``, ``N`` (= H·W), ``2W``, a number where it is the same at both, or ``·``."""
        first, second = pair
        if first == second:
            return str(first)
        for label, (one, other) in self._candidates():
            if (first, second) == (one, other):
                return label
        for numerator, denominator in _ratios():
            found = tuple(channels * numerator // denominator for channels in self.channels)
            if (first, second) == found:
                return _fraction("C", numerator, denominator)
        return "·"

    def shape(self, first: tuple[int, ...], second: tuple[int, ...]) -> str:
        """A whole shape, the leading 1 of the batch left out: ``C/2 × H × W``."""
        pairs = list(zip(first, second, strict=True))
        pairs = pairs[1:] if pairs and pairs[0] == (1, 1) else pairs
        pairs = [pair for pair in pairs if pair != (1, 1)] if len(pairs) > 3 else pairs
        return " × ".join(self.name(pair) for pair in pairs)

    def _candidates(self) -> Iterator[tuple[str, Pair]]:
        (h1, h2), (w1, w2) = self.heights, self.widths
        for factor in (1, 2):
            prefix = "" if factor == 1 else str(factor)
            yield f"{prefix}H", (factor * h1, factor * h2)
            yield f"{prefix}W", (factor * w1, factor * w2)
        yield "H+W", (h1 + w1, h2 + w2)
        for factor in (1, 2, 3, 4, 8, 32):
            yield f"{'' if factor == 1 else factor}N", (factor * h1 * w1, factor * h2 * w2)
        for divisor in (4, 16, 49, 256):
            yield f"N/{divisor}", (h1 * w1 // divisor, h2 * w2 // divisor)
        yield "4N/49", (4 * h1 * w1 // 49, 4 * h2 * w2 // 49)  # the pixels of four regions of a 7x7 grid
        c1, c2 = self.channels
        for factor in (1, 8, 64):
            yield f"{'' if factor == 1 else factor}C²", (factor * c1 * c1, factor * c2 * c2)


def _ratios() -> Iterator[tuple[int, int]]:
    """Shares and multiples of C, the simplest first."""
    yield from ((n, 1) for n in range(1, 10))
    yield from ((1, n) for n in (2, 3, 4, 6, 8, 12, 16, 24, 30, 32, 48, 64, 128))
    yield from ((n, d) for d in (2, 4, 8) for n in (3, 5, 7, 9, 11, 25, 49) if Fraction(n, d).denominator == d)
    yield from ((n, 1) for n in range(10, 600))


def _fraction(symbol: str, numerator: int, denominator: int) -> str:
    above = symbol if numerator == 1 else f"{numerator}{symbol}"
    return above if denominator == 1 else f"{above}/{denominator}"
