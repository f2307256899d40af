"""The values of a budget other than its limits, from what a file or an option gave: text, numbers, true and false.

Each function refuses by a ValueError whose message stands behind ``it is``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

_SIZE = re.compile(r"^(\d{1,5})(?:[x×](\d{1,5}))?$", re.IGNORECASE)
_LARGEST_SIDE = 16384
_SECONDS = re.compile(r"^(\d{1,9}(?:\.\d{1,9})?)\s*(ms|s|m|min)?$", re.IGNORECASE)
_UNIT_S = {"": 1.0, "s": 1.0, "ms": 0.001, "m": 60.0, "min": 60.0}


def image_size(value: Any) -> tuple[int, int]:
    """``640``, ``"480x640"`` or ``[480, 640]`` (height, width)."""
    pair = isinstance(value, list) and len(value) == 2
    found = _SIZE.match(f"{value[0]}x{value[1]}" if pair else _text(value))
    height, width = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not (1 <= height <= _LARGEST_SIDE and 1 <= width <= _LARGEST_SIDE):
        raise ValueError("no image size: give one side such as 640, or height x width such as 480x640")
    return height, width


def whole(value: Any) -> int:
    """A number from 1."""
    text = _text(value)
    if not (text.isdecimal() and len(text) < 7 and int(text) > 0):
        raise ValueError("no number from 1")
    return int(text)


def truth(value: Any) -> bool:
    """``true`` or ``false``."""
    if isinstance(value, bool):
        return value
    raise ValueError("neither true nor false")


def words(value: Any) -> tuple[str, ...]:
    """One text, or a list of texts."""
    several = value if isinstance(value, list) else [value]
    if not several or not all(isinstance(one, str) and one.strip() for one in several):
        raise ValueError("no text, and no list of texts")
    return tuple(one.strip() for one in several)


def word(value: Any) -> str:
    """One text."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("no text")
    return value.strip()


def one_of(value: Any, known: Sequence[str]) -> str:
    """One of some words."""
    if value not in known:
        near = difflib.get_close_matches(str(value), known, n=1, cutoff=0.6)
        raise ValueError(f"none of {', '.join(known)}" + (f"; did you mean {near[0]}?" if near else ""))
    return str(value)


def confidence(value: Any) -> float:
    """``0.95`` or ``"95%"``, from one half to less than one."""
    text = _text(value)
    try:
        share = Fraction(text.removesuffix("%").strip()) / (100 if text.endswith("%") else 1)
    except (ValueError, ZeroDivisionError):
        share = Fraction(0)
    if not Fraction(1, 2) <= share <= Fraction(9999, 10000):
        raise ValueError("no confidence: give a share from 0.5 to 0.9999, such as 0.95")
    return float(share)


def seconds(value: Any) -> float:
    """``30``, ``"30s"``, ``"2m"``."""
    found = _SECONDS.match(_text(value))
    time_s = float(found[1]) * _UNIT_S[(found[2] or "").lower()] if found else 0.0
    if time_s <= 0:
        raise ValueError("no time: give seconds such as 30 or 30s, or 2m")
    return time_s


def device(value: Any) -> str:
    """``cpu``, ``cuda``, ``cuda:1``; Ultralytics' ``0`` is ``cuda:0``."""
    text = _text(value).lower()
    if not re.fullmatch(r"cpu|cuda(:\d+)?|\d+", text):
        raise ValueError("no device: give cpu, cuda, cuda:0 or 0")
    return f"cuda:{text}" if text.isdigit() else text


def _text(value: Any) -> str:
    return "" if isinstance(value, bool) else str(value).strip()
