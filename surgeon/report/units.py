"""Numbers as text: the one place where a count becomes GFLOPs, a byte MiB, a ratio ``1.519x``.

Pure functions. Two rules hold everywhere: what is None reads "not measured", and rounding never hides a difference.
A value that is not zero never prints as zero, a ratio that is not one never prints as ``1.000x``, and
`side_by_side` adds digits until numbers that differ look different. ``extra`` asks for more digits than usual.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Decimal

NOT_MEASURED = "not measured"
NOTHING = "-"
MIB = 2**20
_MOST_PLACES = 18
_MOST_EXTRA = 12

Number = int | float
Format = Callable[[Number | None, int], str]


def parameters(count: Number | None, extra: int = 0) -> str:
    """Parameters to four digits: ``464``, ``164.6 k``, ``3.157 M``."""
    if count is None:
        return NOT_MEASURED
    if abs(count) < 1000:
        return f"{count}"
    text = ""
    for exponent, suffix in ((3, "k"), (6, "M"), (9, "G"), (12, "T")):
        scaled = Decimal(count).scaleb(-exponent)
        places = max(0, 4 - _whole_digits(scaled)) + extra
        rounded = f"{scaled:.{places}f}"
        if places and _whole_digits(Decimal(rounded)) > _whole_digits(scaled):
            rounded = f"{scaled:.{places - 1}f}"
        text = f"{rounded} {suffix}"
        if abs(Decimal(rounded)) < 1000:
            break
    return text


def millions(count: Number | None, extra: int = 0) -> str:
    """Parameters in millions without the unit, for a column of a paper's table: ``3.157``, ``68.230``."""
    return NOT_MEASURED if count is None else _fixed(_exact(count).scaleb(-6), 3 + extra)


def count(number: Number | None, extra: int = 0) -> str:
    """A whole number in full: ``3,157,200``."""
    del extra
    return NOT_MEASURED if number is None else f"{number:,}"


def gflops_of(macs: int) -> Decimal:
    """GFLOPs of a number of MACs. The only place that knows 1 MAC = 2 FLOPs."""
    return Decimal(2 * macs) / 10**9


def gflops(macs: Number | None, extra: int = 0) -> str:
    """GFLOPs of a number of MACs: ``8.744``."""
    return NOT_MEASURED if macs is None else _fixed(Decimal(2) * Decimal(macs) / 10**9, 3 + extra)


def gflops_brief(macs: int) -> str:
    """GFLOPs for a column of many rows: three places, ``<0.001`` for what is smaller and not zero."""
    return _floored(gflops_of(macs), 3)


def flops_brief(flops: int) -> str:
    """GFLOPs of a number of FLOPs for a column of many rows: ``0.088``, ``<0.001``."""
    return _floored(Decimal(flops) / 10**9, 3)


def giga(value: Number | None, extra: int = 0) -> str:
    """A figure that is in GFLOPs already, as Ultralytics states it: ``8.855``."""
    return NOT_MEASURED if value is None else _fixed(value, 3 + extra)


def ms(value: Number | None, extra: int = 0) -> str:
    """Milliseconds with the unit: ``29.31 ms``."""
    return NOT_MEASURED if value is None else f"{_fixed(value, 2 + extra)} ms"


def ms_brief(value: float | None) -> str:
    """Milliseconds for a column of many rows: ``0.41``, ``<0.01``, nothing where not timed."""
    return NOTHING if value is None else _floored(value, 2)


def mib(size_bytes: Number | None, extra: int = 0) -> str:
    """Bytes in MiB (2^20): ``18.75 MiB``."""
    return NOT_MEASURED if size_bytes is None else f"{_fixed(Decimal(size_bytes) / MIB, 2 + extra)} MiB"


def mib_brief(size_bytes: int) -> str:
    """Bytes in MiB without the unit for a column of many rows: ``6.25``, ``<0.01``."""
    return _floored(Decimal(size_bytes) / MIB, 2)


def ratio(value: float | None) -> str:
    """A ratio: ``1.519x``; exactly one only is ``1.000x``, just above it is ``>1.000x``."""
    if value is None:
        return NOTHING
    if not math.isfinite(value):
        return "not finite"
    text = f"{value:.3f}"
    if text == "1.000" and value != 1:
        return ">1.000x" if value > 1 else "<1.000x"
    return "<0.001x" if text == "0.000" and value > 0 else f"{text}x"


def ratio_of(after: Number | None, before: Number | None) -> float | None:
    """``after / before``, None where it says nothing (a side is missing, or the baseline is zero)."""
    if after is None or not before:
        return None
    exact = isinstance(after, int) and isinstance(before, int)
    return float(Decimal(after) / Decimal(before)) if exact else after / before


def percent(fraction: float | None, *, signed: bool = False) -> str:
    """A fraction in percent, two digits at least: ``13.7 %``, ``0.43 %``, ``+0.0031 %`` when signed."""
    if fraction is None:
        return NOT_MEASURED
    value = fraction * 100
    if not math.isfinite(value):
        return "not finite"
    sign = "+" if signed and value > 0 else ""
    places = 1 if abs(value) >= 1 or value == 0 else min(1 - math.floor(math.log10(abs(value))), _MOST_PLACES)
    return f"{sign}{_fixed(value, places)} %"


def percent_brief(fraction: float) -> str:
    """Percent without the sign for a column of many rows: ``4.7``, ``<0.1``."""
    return _floored(100 * fraction, 1)


def change(after: Number | None, before: Number | None, form: Format) -> str:
    """The difference in the unit of ``form``, with its sign: ``+1.640 M``, ``0`` for none."""
    if after is None or before is None:
        return NOTHING
    if not (math.isfinite(after) and math.isfinite(before)):
        return "not finite"
    difference = _exact(after) - _exact(before)
    if difference == 0:
        return "0"
    whole = isinstance(after, int) and isinstance(before, int)
    size = abs(int(difference)) if whole else abs(float(difference))
    return f"{'+' if difference > 0 else '-'}{form(size, 0)}"


def side_by_side(values: Sequence[Number | None], form: Format, *, most_extra: int = _MOST_EXTRA) -> tuple[str, ...]:
    """Format values that a reader compares: as few digits as keep different values apart.

    Args:
        values: The numbers, None where not measured.
        form: One of this module's formats.
        most_extra: Digits to add at most; timed values get few, for their noise is larger.
    """
    different = len(set(values))
    texts: tuple[str, ...] = ()
    for extra in range(most_extra + 1):
        texts = tuple(form(value, extra) for value in values)
        if len(set(texts)) == different:
            break
    return texts


def shape(out_shape: Sequence[int] | None) -> str:
    """An output shape without the batch: ``256x20x20``."""
    if out_shape is None:
        return NOTHING
    return "x".join(str(size) for size in out_shape[1:]) or NOTHING


def image_size(imgsz: tuple[int, int]) -> str:
    """Image size as Ultralytics orders it, height first: ``480x640``."""
    return f"{imgsz[0]}x{imgsz[1]}"


def plural(number: int, noun: str, nouns: str | None = None) -> str:
    """``1 row``, ``3 rows``."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def _whole_digits(value: Decimal) -> int:
    """Digits before the decimal point."""
    return len(str(abs(int(value))))


def _exact(value: Number) -> Decimal:
    """The value as a decimal; of a float its shortest text, so that 9.077 - 8.855 is 0.222."""
    return Decimal(value) if isinstance(value, int) else Decimal(repr(value))


def _fixed(value: Number | Decimal, places: int) -> str:
    """Fixed decimals, more where the value would look like zero and is not."""
    if not math.isfinite(value):
        return "not finite"
    while True:
        text = f"{value:,.{places}f}"
        if value == 0:
            return text.removeprefix("-")
        if any(digit in "123456789" for digit in text):
            return text
        if places >= _MOST_PLACES:
            return f"{float(value):.1e}"
        places += 1


def _floored(value: Number | Decimal, places: int) -> str:
    """Fixed decimals, ``<0.001`` for what is positive and would look like zero."""
    if not math.isfinite(value):
        return "not finite"
    text = f"{value:.{places}f}"
    looks_zero = not any(digit in "123456789" for digit in text)
    return f"<{Decimal(1).scaleb(-places)}" if looks_zero and value > 0 else text
