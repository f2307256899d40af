"""Figures with units, as a budget states them: ``9.2G``, ``40MiB``, ``1.05``, ``+5%``. Exact: nothing is a float."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Any

_NUMBER = r"(?P<number>\d{1,15}(?:\.\d{1,15})?|\.\d{1,15})(?:e(?P<power>\+?\d{1,2}))?"
_AMOUNT = re.compile(rf"^{_NUMBER}\s*(?P<unit>[a-z]*)$", re.IGNORECASE)
_PERCENT = re.compile(r"^(?P<sign>[+-]?)(?P<number>\d{1,6}(?:\.\d{1,9})?)\s*%$")
_RATIO = re.compile(r"^(?P<number>\d{1,6}(?:\.\d{1,9})?|\.\d{1,9})\s*x?$", re.IGNORECASE)
_FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BYTES = {
    f"{letter}{i}b": base**power for power, letter in enumerate("kmgt", 1) for i, base in (("", 1000), ("i", 1024))
}
_SMALLEST = 1000
"""A figure without a unit below this is one whose unit was forgotten: no network has 9.2 FLOPs."""

COUNTED: Mapping[str, str] = MappingProxyType({"flops": "FLOPs", "macs": "MACs", "params": "parameters"})
"""What is counted, and what one of it is called."""

_WORDS = {"flops": ("flops", "flop"), "macs": ("macs", "mac"), "params": ("", "params", "parameters")}


def amount(value: Any, quantity: str) -> Fraction:
    """A number of FLOPs, MACs or parameters, or bytes of memory.

    Args:
        value: ``"9.2G"``, ``"9.2 GFLOPs"``, ``9200000000``; of memory ``"40MiB"``, ``"40 MB"``.
        quantity: ``flops``, ``macs``, ``params`` or ``memory``.

    Raises:
        ValueError: It is none; the message says what would work, to stand behind ``it is``.
    """
    found = _AMOUNT.match(_text(value))
    if found is None:
        raise ValueError(_wanted(quantity))
    number = Fraction(found["number"] + (f"e{found['power']}" if found["power"] else ""))
    unit = found["unit"].lower()
    factor = _BYTES.get(unit) if quantity == "memory" else _factor(unit, quantity)
    if factor is None:
        raise ValueError(_wanted(quantity))
    if number == 0:
        raise ValueError("zero, which no network keeps to")
    if quantity != "memory" and factor == 1 and number < _SMALLEST:
        raise ValueError(f"{number} {COUNTED[quantity]}: its unit is missing, write {_text(value)}M or {_text(value)}G")
    return number * factor


def ratio(value: Any) -> Fraction:
    """A ratio to a baseline: ``1.05``, ``"1.05x"``, ``"+5%"``, ``"105%"``.

    Raises:
        ValueError: It is none; the message is to stand behind ``it is``.
    """
    text = _text(value)
    found = _RATIO.match(text)
    if found is not None:
        result = Fraction(found["number"])
    elif (found := _PERCENT.match(text)) is not None:
        share = Fraction(found["number"]) / 100
        result = share if not found["sign"] else 1 + share if found["sign"] == "+" else 1 - share
    else:
        raise ValueError("no ratio: give candidate / baseline such as 1.05, or +5%")
    if result <= 0:
        raise ValueError("no ratio above zero: give candidate / baseline such as 1.05, or +5%")
    return result


def _text(value: Any) -> str:
    """What was given as text; a float by its shortest digits, so that 1.05 is 1.05 exactly."""
    return "" if isinstance(value, bool) else str(value).strip()


def _factor(unit: str, quantity: str) -> int | None:
    """What a unit multiplies by; None for one of another quantity."""
    for prefix, factor in _FACTORS.items():
        if unit == prefix or (unit.startswith(prefix) and unit.removeprefix(prefix) in _WORDS[quantity]):
            return factor
    return None


def _wanted(quantity: str) -> str:
    if quantity == "memory":
        return "no size of memory: give a number with MiB, GiB, MB or GB, such as 40MiB"
    name = COUNTED[quantity]
    return f"no number of {name}: give it with k, M, G or T, such as {'3.5M' if quantity == 'params' else '9.2G'}"
