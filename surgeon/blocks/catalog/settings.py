"""Types, defaults and messages for block settings, shared by every family; torch-free.

A family describes each of its constructor settings once, as a :class:`Setting`; defaults, help texts and validation
follow from that. What depends on the width (heads divide the channels) stays with the family.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from surgeon.errors import BlockError

Parser = Callable[[Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One constructor setting of a block.

    Attributes:
        default: The value used when the user gives none.
        parse: Turns what the user gave into the typed value; raises ValueError with what is accepted.
        help: One line for the reader, with the accepted values.
    """

    default: Any
    parse: Parser
    help: str


def integer(minimum: int = 1, *, odd: bool = False) -> Parser:
    """Accept an integer of at least ``minimum``; booleans and fractions are not integers."""
    wanted = f"{'an odd' if odd else 'an'} integer of at least {minimum}"

    def parse(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
            raise ValueError(wanted)
        if value < minimum or (odd and int(value) % 2 == 0):
            raise ValueError(wanted)
        return int(value)

    return parse


def number(above: float | None = None, *, minimum: float | None = None, maximum: float | None = None) -> Parser:
    """Accept a finite number, ``above``, at least ``minimum`` or at most ``maximum`` where they are given."""
    bound = "" if above is None else f" above {above:g}"
    bound = bound if minimum is None else f" of at least {minimum:g}"
    bound += "" if maximum is None else f" and at most {maximum:g}" if bound else f" of at most {maximum:g}"

    def parse(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"a number{bound}")
        if (above is not None and value <= above) or (minimum is not None and value < minimum):
            raise ValueError(f"a number{bound}")
        if maximum is not None and value > maximum:
            raise ValueError(f"a number{bound}")
        return float(value)

    return parse


def subset(*values: str) -> Parser:
    """Accept a list of one or more of ``values``."""

    def parse(value: Any) -> tuple[str, ...]:
        if not isinstance(value, list | tuple) or not value or any(item not in values for item in value):
            raise ValueError("a list of one or more of " + ", ".join(values))
        return tuple(value)

    return parse


def flag(value: Any) -> bool:
    """Accept true or false."""
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def choice(*values: str) -> Parser:
    """Accept one of ``values``."""

    def parse(value: Any) -> str:
        if value not in values:
            raise ValueError("one of " + ", ".join(values))
        return str(value)

    return parse


def one_of(values: Iterable[int]) -> Parser:
    """Accept one of a list of integers."""
    known = tuple(values)

    def parse(value: Any) -> int:
        if isinstance(value, bool) or value not in known:
            raise ValueError("one of " + ", ".join(map(str, known)))
        return int(value)

    return parse


def integers(minimum: int = 1, *, odd: bool = False) -> Parser:
    """Accept a list of integers of at least ``minimum``, at least one of them."""
    parse_one = integer(minimum, odd=odd)
    wanted = f"a list of {'odd ' if odd else ''}integers of at least {minimum}"

    def parse(value: Any) -> tuple[int, ...]:
        if not isinstance(value, list | tuple) or not value:
            raise ValueError(wanted)
        try:
            return tuple(map(parse_one, value))
        except ValueError:
            raise ValueError(wanted) from None

    return parse


def map_size(value: Any) -> tuple[int, int]:
    """Accept a map size: an integer for a square map, or a list ``[height, width]``."""
    pair = [value, value] if isinstance(value, int) else value
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise ValueError("an integer or [height, width], at least 1")
    try:
        height, width = (integer()(side) for side in pair)
    except ValueError:
        raise ValueError("an integer or [height, width], at least 1") from None
    return height, width


def optional(parse: Parser) -> Parser:
    """Accept what ``parse`` accepts, or nothing at all (null)."""

    def parse_or_none(value: Any) -> Any:
        if value is None:
            return None
        try:
            return parse(value)
        except ValueError as error:
            raise ValueError(f"null or {error}") from None

    return parse_or_none


def merge(block: str, schema: Mapping[str, Setting], given: Mapping[str, Any]) -> dict[str, Any]:
    """Lay the user's settings over the defaults, checked for name and type.

    Args:
        block: Name of the block, for the message.
        schema: The settings that the block has.
        given: What the user set.

    Returns:
        Every setting of the schema with its value.

    Raises:
        BlockError: A name is unknown, or a value has the wrong type.
    """
    values = {key: setting.default for key, setting in schema.items()}
    for key, value in given.items():
        if key not in schema:
            raise BlockError(unknown(f"{block} has no setting", key, schema))
        try:
            values[key] = schema[key].parse(value)
        except (ValueError, TypeError, OverflowError) as error:
            wanted = error if isinstance(error, ValueError) and str(error) else "a number"
            raise BlockError(f"{block}: {key}={value!r} cannot be used; {key} takes {wanted}.") from None
    return values


def merge_same_channels(
    block: str, schema: Mapping[str, Setting], given: Mapping[str, Any], in_channels: int, out_channels: int
) -> dict[str, Any]:
    """Do as :func:`merge` for a block that keeps its channels; its widths are checked first.

    Raises:
        BlockError: A width is no positive integer, they differ, a name is unknown, or a value has the wrong type.
    """
    positive_channels(block, in_channels, out_channels)
    same_channels(block, in_channels, out_channels)
    return merge(block, schema, given)


def unknown(what: str, name: object, known: Iterable[str], lister: str = "") -> str:
    """Say that a name is unknown, the nearest first and then all known ones, or the command that lists those."""
    names = list(known)
    plain = {candidate.lower(): candidate for candidate in reversed(names)}
    near = difflib.get_close_matches(str(name).lower(), list(plain), n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(plain[match] for match in near)}?" if near else ""
    listing = f"Known are: {', '.join(names)}." if names else "It takes none."
    if lister:
        listing = f"{lister} lists all {len(names)}."
    return f"{what} {str(name)!r}.{hint} {listing}"


def rounded(value: float, divisor: int) -> int:
    """The multiple of ``divisor`` nearest to ``value``, at least one: how timm sets hidden widths."""
    return max(divisor, int(value + divisor / 2) // divisor * divisor)


def divisors(total: int) -> list[int]:
    """Every divisor of ``total``, ascending."""
    return [value for value in range(1, total + 1) if total % value == 0]


def fit(block: str, key: str, value: int, allowed: list[int], reason: str, *, explicit: bool) -> tuple[int, str | None]:
    """Take ``value`` if it is allowed; adapt a default to the nearest allowed value, refuse an explicit one.

    Args:
        block: Name of the block, for the sentence.
        key: The setting.
        value: What it is now.
        allowed: The values that would work, ascending, never empty.
        reason: Why another value does not work (``heads must divide the 12 channels``).
        explicit: Whether the user set it.

    Returns:
        The value to use, and the note for an adapted default.

    Raises:
        BlockError: An explicit value does not work.
    """
    if value in allowed:
        return value, None
    if explicit:
        raise BlockError(f"{block}: {key}={value} does not work: {reason}. Values that work: {_short(allowed)}.")
    nearest = min(allowed, key=lambda candidate: (abs(candidate - value), candidate))
    return nearest, f"{block}: {key} is {nearest} instead of the default {value}: {reason}."


def adapt(
    block: str, values: dict[str, Any], key: str, allowed: list[int], reason: str, *, given: Mapping[str, Any]
) -> tuple[str, ...]:
    """Put a setting that fits into ``values``, as :func:`fit` finds it.

    Args:
        block: Name of the block, for the sentence.
        values: Every setting; the one in question is replaced where its default does not fit.
        key: The setting.
        allowed: The values that would work, ascending, never empty.
        reason: Why another value does not work.
        given: What the user set.

    Returns:
        The note for an adapted default, none where nothing was adapted.

    Raises:
        BlockError: An explicit value does not work.
    """
    values[key], note = fit(block, key, values[key], allowed, reason, explicit=key in given)
    return (note,) if note else ()


def adapt_reduction(
    block: str, values: dict[str, Any], key: str, channels: int, *, given: Mapping[str, Any]
) -> tuple[str, ...]:
    """Put a reduction that leaves a hidden width, ``channels // reduction``, into ``values``, as :func:`adapt` does."""
    reason = f"the hidden width {channels} / {key} must keep at least one channel"
    return adapt(block, values, key, list(range(1, channels + 1)), reason, given=given)


def same_channels(block: str, in_channels: int, out_channels: int) -> None:
    """Refuse a change of channels.

    Raises:
        BlockError: The block keeps its channels, and out_channels differs from in_channels.
    """
    if in_channels != out_channels:
        raise BlockError(
            f"{block} keeps its channels: {in_channels} go in, so {in_channels} come out, not {out_channels}."
        )


def positive_channels(block: str, *channels: int) -> None:
    """Refuse widths below one.

    Raises:
        BlockError: A width is no positive integer.
    """
    if any(isinstance(width, bool) or not isinstance(width, int) or width < 1 for width in channels):
        raise BlockError(f"{block}: channels must be integers of at least 1, not {', '.join(map(repr, channels))}.")


def _short(values: list[int]) -> str:
    """List the values, the middle left out where there are many."""
    if len(values) <= 16:
        return ", ".join(map(str, values))
    if values == list(range(values[0], values[-1] + 1)):
        return f"{values[0]} to {values[-1]}"
    return ", ".join(map(str, values[:12])) + f", …, {values[-1]}"
