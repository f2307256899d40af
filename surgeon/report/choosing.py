"""Which networks of a comparison are shown, in which order, against which baseline. Pure; nothing is measured again."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fnmatch import fnmatchcase

from surgeon.errors import InputError
from surgeon.profiler.results import Comparison, PairedLatency, ProfileResult
from surgeon.report.comparison import candidate_labels

_CONDITION = re.compile(r"^\s*([a-z]+)\s*(<=|>=|<|>|=)\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*$")
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ms": 1, "x": 1, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_TESTS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "=": lambda a, b: a == b,
}


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A network with what is known of it beside its baseline."""

    label: str
    result: ProfileResult
    paired: PairedLatency | None
    renames: dict[str, str]


def _latency(one: _Candidate) -> float | None:
    if one.paired is not None:
        return one.paired.candidate_ms
    return None if one.result.latency is None else one.result.latency.median_ms


_FIGURES: dict[str, Callable[[_Candidate], float | int | None]] = {
    "params": lambda one: one.result.params,
    "gflops": lambda one: 2 * one.result.counts.macs / 1e9,
    "ultralytics": lambda one: one.result.counts.ultralytics_gflops,
    "memory": lambda one: None if one.result.memory is None else one.result.memory.peak_activation_bytes,
    "latency": _latency,
    "ratio": lambda one: None if one.paired is None else one.paired.ratio,
}
KEYS = ("name", *_FIGURES)
"""What can be sorted by; all but ``name`` can be a condition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is shown of several networks.

    Attributes:
        sort: A key of `KEYS`, with ``-`` before it for the largest first; None for the given order.
        conditions: Each candidate shown fulfils all: ``params<5M``, ``memory<=40MiB``, or a pattern of its name.
    """

    sort: str | None = None
    conditions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be sorted or filtered by."""
        if self.sort is not None and self.sort.removeprefix("-") not in KEYS:
            raise InputError(f"--sort {self.sort}: sort by one of {', '.join(KEYS)}; -params for the largest first")
        for condition in self.conditions:
            _condition(condition)


def chosen(comparison: Comparison, choice: Choice) -> Comparison:
    """The comparison with the candidates of a choice; the baseline stays, and stays first.

    Where no candidate fulfils the conditions all are shown, with a note: what was measured is never lost.
    """
    candidates = _candidates(comparison)
    tests = [_condition(condition) for condition in choice.conditions]
    shown = [one for one in candidates if all(test(one) for test in tests)]
    notes = comparison.notes
    if not shown:
        notes = (*notes, f"No candidate fulfils {', '.join(choice.conditions)}: all are shown.")
        shown = candidates
    elif len(shown) < len(candidates):
        notes = (*notes, f"{len(shown)} of {len(candidates)} candidates are shown: {', '.join(choice.conditions)}.")
    shown = _ordered(shown, choice.sort)
    if shown == candidates:
        return replace(comparison, notes=notes)
    return replace(
        comparison,
        results=(comparison.results[0], *(one.result for one in shown)),
        paired=tuple(one.paired for one in shown if one.paired is not None),
        renames=tuple(one.renames for one in shown) if comparison.renames else (),
        notes=notes,
    )


def side_by_side(results: Sequence[ProfileResult], baseline: str | None = None) -> Comparison:
    """Networks that were measured apart from each other: exact figures have verdicts, times have none.

    Args:
        results: At least two.
        baseline: Name, source or saved label of the one to compare with; the first if None.

    Raises:
        InputError: No result is called so.
    """
    return with_baseline(Comparison(results=tuple(results)), baseline)


def with_baseline(comparison: Comparison, name: str | None) -> Comparison:
    """The comparison with another of its networks as baseline.

    Times were taken in pairs with the first baseline; with another one they stand side by side without a verdict.

    Raises:
        InputError: No network is called so.
    """
    if name is None:
        return comparison
    labels = candidate_labels(comparison.results)
    found = [at for at, label in enumerate(labels) if name in (label, comparison.results[at].source)]
    if len(found) != 1:
        what = "several networks are" if found else "no network is"
        raise InputError(f"--baseline {name}: {what} called so; there are {', '.join(labels)}")
    if found[0] == 0:
        return comparison
    order = [found[0], *(at for at in range(len(labels)) if at != found[0])]
    return replace(comparison, results=tuple(comparison.results[at] for at in order), paired=(), renames=(), seed=None)


def _candidates(comparison: Comparison) -> list[_Candidate]:
    number = len(comparison.results) - 1
    labels = candidate_labels(comparison.results)[1:]
    paired = comparison.paired or (None,) * number
    renames = comparison.renames or ({},) * number
    return [_Candidate(*parts) for parts in zip(labels, comparison.results[1:], paired, renames, strict=True)]


def _ordered(candidates: list[_Candidate], sort: str | None) -> list[_Candidate]:
    """By a key, what was not measured last."""
    if sort is None:
        return candidates
    key = sort.removeprefix("-")
    if key == "name":
        return sorted(candidates, key=lambda one: one.label, reverse=sort != key)
    figure = _FIGURES[key]
    known = [(value, at) for at, one in enumerate(candidates) if (value := figure(one)) is not None]
    known.sort(key=lambda pair: pair[0], reverse=sort != key)
    missing = [one for one in candidates if figure(one) is None]
    return [*(candidates[at] for _, at in known), *missing]


def _condition(text: str) -> Callable[[_Candidate], bool]:
    """``params<5M`` as a test of a figure, anything else as a pattern of the name.

    Raises:
        InputError: It compares something unknown.
    """
    if not any(sign in text for sign in "<>="):
        return lambda one: fnmatchcase(one.label, text)
    found = _CONDITION.match(text)
    if found is None or found[1] not in _FIGURES or found[4].lower() not in _UNITS:
        raise InputError(
            f"--filter {text}: give a pattern of names such as 'yolo11*', or a figure and a limit such as params<5M, "
            f"gflops<=10, latency<30ms, memory<40MiB; figures are {', '.join(_FIGURES)}"
        )
    figure, test = _FIGURES[found[1]], _TESTS[found[2]]
    limit = Decimal(found[3]) * _UNITS[found[4].lower()]

    def fulfilled(one: _Candidate) -> bool:
        value = figure(one)
        return value is not None and test(Decimal(str(value)), limit)

    return fulfilled
