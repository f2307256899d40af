"""From keys and values, of a file's table or of options, to a `Budget`; every refusal names the key and its place."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

from surgeon.errors import BudgetError
from surgeon.gate import quantity, values
from surgeon.gate.budget import CONVENTIONS, ON_INCONCLUSIVE, QUANTITIES, Budget, Limit, limit_key, limit_keys

_FIELDS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "name": ("name", values.word),
    "glob": ("globs", values.words),
    "baseline": ("baseline", values.word),
    "convention": ("convention", lambda value: values.one_of(value, CONVENTIONS)),
    "confidence": ("confidence", values.confidence),
    "on-inconclusive": ("on_inconclusive", lambda value: values.one_of(value, ON_INCONCLUSIVE)),
    "imgsz": ("imgsz", values.image_size),
    "batch": ("batch", values.whole),
    "device": ("device", values.device),
    "half": ("half", values.truth),
    "threads": ("threads", values.whole),
    "time-budget": ("time_budget_s", values.seconds),
}
KEYS = (*_FIELDS, *limit_keys())
"""Every key of a budget."""


@dataclass(frozen=True, slots=True)
class Given:
    """A value and where it was written: ``surgeon.toml, budget 1, imgsz`` or ``--imgsz``."""

    value: Any
    where: str


def budget_of(given: Mapping[str, Given], *, name: str, where: str) -> Budget:
    """A budget.

    Args:
        given: Values by key, of `KEYS`.
        name: Its name where none is given.
        where: What messages call it.

    Raises:
        BudgetError: A key is unknown or its value is none, there is no limit, or the baseline and the limits do not
            go together.
    """
    for key, one in given.items():
        if key not in KEYS:
            raise BudgetError(f"{one.where}: {_unknown(key)}")
    fields: dict[str, Any] = {"name": name}
    for key, (field, parse) in _FIELDS.items():
        if key in given:
            fields[field] = _parsed(given[key], parse)
    limits = tuple(_limits(given))
    if not limits:
        raise BudgetError(f"{where} limits nothing: give one of {', '.join(limit_keys())}")
    budget = Budget(where=where, limits=limits, **fields)
    _require_baseline(budget, given)
    return budget


def _limits(given: Mapping[str, Given]) -> list[Limit]:
    found = []
    for what in QUANTITIES:
        for relative in (False, True):
            key = limit_key(what, relative=relative)
            if key not in given:
                continue
            one = given[key]
            value: Fraction = _parsed(one, quantity.ratio if relative else partial(quantity.amount, quantity=what))
            found.append(
                Limit(quantity=what, relative=relative, value=value, text=str(one.value).strip(), where=one.where)
            )
    return found


def _parsed(one: Given, parse: Callable[[Any], Any]) -> Any:
    try:
        return parse(one.value)
    except ValueError as error:
        raise BudgetError(f"{one.where}: {one.value!r} is {error}") from error


def _require_baseline(budget: Budget, given: Mapping[str, Given]) -> None:
    relative = next((limit for limit in budget.limits if limit.relative), None)
    if relative is not None and budget.baseline is None:
        raise BudgetError(f"{relative.where}: a ratio needs a baseline to refer to: name one, baseline = before.pt")
    if budget.baseline is not None and relative is None:
        raise BudgetError(
            f"{given['baseline'].where}: no limit refers to the baseline; give one such as max-flops-ratio, or "
            "leave it out"
        )
    if budget.timed and budget.saved_baseline:
        latency = next(limit for limit in budget.limits if limit.quantity == "latency")
        raise BudgetError(
            f"{latency.where}: latency is timed against the baseline in pairs in one process, and {budget.baseline} is "
            "a saved result, good for exact figures only; name the baseline's model"
        )


def _unknown(key: str) -> str:
    if key in ("max-latency", "max-latency-ms", "max-ms"):
        return (
            "a latency has no limit in milliseconds, which differ between machines and processes; limit the ratio to a "
            "baseline, max-latency-ratio = 1.05"
        )
    near = difflib.get_close_matches(key, KEYS, n=3, cutoff=0.5)
    advice = f"did you mean {', '.join(near)}?" if near else f"known are {', '.join(KEYS)}"
    return f"there is no such key in a budget; {advice}"
