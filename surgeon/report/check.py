"""Budgets and whether they were kept, as a document and as plain JSON data."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from surgeon.gate.budget import Budget, Limit
from surgeon.gate.judge import CheckResult, Judged, Number, Outcome, Verdict, holds
from surgeon.report import units
from surgeon.report.profile_tables import LATENCY_SCOPE, settings_line
from surgeon.report.tables import Column, Document, Emphasis, Notes, Row, Table

CHECK_SCHEMA = 1
CONVENTIONS = {
    "flops": "exact, 2 x MACs",
    "executed": "executed, 2 x MACs",
    "ultralytics": "as model.info() prints",
    "thop-full": "thop's rules at this size",
    "legacy": "as Ultralytics once printed",
}
_UNITS = {"flops": "FLOPs", "macs": "MACs", "params": "parameters", "memory": "bytes", "latency": "ms"}
_COLUMNS = (
    Column(title="model", shrink_to=12, whole=True),
    Column(title="limit", shrink_to=16, wrap=True),
    Column(title="at most", role="number"),
    Column(title="found", role="number"),
    Column(title="verdict", role="verdict"),
)
_WORDS = {Outcome.PASSED: "passed", Outcome.FAILED: "FAILED", Outcome.INCONCLUSIVE: "inconclusive"}


def check_document(result: CheckResult) -> Document:
    """The report of a check: every limit with its verdict, and what to know of those that did not pass."""
    rows = tuple(_row(one, verdict) for one in result.judged for verdict in one.verdicts)
    return Document(
        title=f"check: {summary(result)}",
        lines=tuple(dict.fromkeys(_conditions(one.budget) for one in result.judged)),
        parts=(Table(title="budgets", columns=_COLUMNS, rows=rows), Notes(title="notes", sentences=_notes(result))),
    )


def check_data(result: CheckResult) -> dict[str, Any]:
    """The same as plain JSON data; bounds that are not known yet are the text ``inf``."""
    return {
        "schema_version": CHECK_SCHEMA,
        "kind": "check",
        "passed": result.passed,
        "interrupted": result.interrupted,
        "judged": [_judged(one) for one in result.judged],
        "not_judged": [{"model": model, "budget": budget.name} for model, budget in result.unjudged],
        "notes": list(result.notes),
        "command": result.command,
    }


def summary(result: CheckResult) -> str:
    """``3 passed, 1 FAILED, 1 inconclusive``, and what an interrupt left out."""
    counts = [(result.count(outcome), _WORDS[outcome]) for outcome in Outcome]
    said = ", ".join(f"{number} {word}" for number, word in counts if number) or "nothing was judged"
    left = units.plural(len(result.unjudged), "model")
    return said + (f"; interrupted, {left} not judged" if result.interrupted else "")


def limit_name(limit: Limit, budget: Budget) -> str:
    """``FLOPs (exact, 2 x MACs)``, ``latency / baseline``."""
    name = {"flops": "FLOPs", "macs": "MACs", "params": "params", "memory": "memory", "latency": "latency"}
    convention = f" ({CONVENTIONS[budget.convention]})" if limit.quantity == "flops" else ""
    return f"{name[limit.quantity]}{' / baseline' if limit.relative else ''}{convention}"


def figures(verdict: Verdict) -> tuple[str, str]:
    """The limit and what was found, with as many digits as tell them apart."""
    limit, found = verdict.limit, verdict.found
    values = [_plain(limit.value), *(_plain(v) for v in (found.value, *_interval(verdict)))]
    texts = units.side_by_side(values, _ratio if limit.relative else _FORMS[limit.quantity])
    if found.value is None:
        return texts[0], units.NOT_MEASURED
    if len(texts) == 2:
        return texts[0], texts[1]
    if found.pairs is not None and not (found.low and found.high is not None and math.isfinite(found.high)):
        return texts[0], f"{texts[1]}, no interval from {units.plural(found.pairs, 'pair')}"
    return texts[0], f"{texts[1]} [{texts[2]}, {texts[3]}]"


def sentence(verdict: Verdict, one: Judged) -> str:
    """A verdict in words: ``FLOPs (exact, 2 x MACs) 8.744 G, at most 8 G: FAILED``."""
    at_most, found = figures(verdict)
    found += _both(verdict)
    said = f"{limit_name(verdict.limit, one.budget)}: {found}, at most {at_most}: {_WORDS[verdict.outcome]}"
    return f"{said}; {verdict.found.reason}" if verdict.found.reason else said


def _both(verdict: Verdict) -> str:
    """The two figures of a ratio: `` (11.17 M against 3.157 M)``."""
    pair = [_plain(value) for value in (verdict.found.candidate, verdict.found.baseline)]
    if None in pair:
        return ""
    texts = units.side_by_side(pair, _FORMS[verdict.limit.quantity], most_extra=2)
    return f" ({texts[0]} against {texts[1]})"


def _row(one: Judged, verdict: Verdict) -> Row:
    at_most, found = figures(verdict)
    return Row(
        cells=(one.model, limit_name(verdict.limit, one.budget), at_most, found, _WORDS[verdict.outcome]),
        emphasis=Emphasis.NORMAL if verdict.outcome is Outcome.PASSED else Emphasis.CHANGED,
    )


def _conditions(budget: Budget) -> str:
    against = "" if budget.baseline is None else f", against {budget.baseline}"
    name = budget.where if budget.name in budget.where else f"{budget.name} ({budget.where})"
    return f"limits of {name}, at {settings_line(budget.settings())}{against}"


def _notes(result: CheckResult) -> tuple[str, ...]:
    notes = [
        f"{one.model}, {limit_name(verdict.limit, one.budget)}: {verdict.found.reason}."
        for one in result.judged
        for verdict in one.verdicts
        if verdict.found.reason
    ]
    for budget in {id(one.budget): one.budget for one in result.judged if one.budget.timed}.values():
        notes.append(
            f"latency: {LATENCY_SCOPE}, in random pairs with the baseline; {100 * budget.confidence:.4g} % interval."
        )
    if any(limit.quantity == "memory" for one in result.judged for limit in one.budget.limits):
        notes.append("memory: weights and the most bytes that one forward pass holds beside them.")
    if result.count(Outcome.INCONCLUSIVE):
        notes.append(
            "inconclusive: the limit lies inside the interval, or there is no interval or figure; nothing is known to "
            "be wrong."
        )
    notes += [f"{model} under {budget.name} was not judged: interrupted." for model, budget in result.unjudged]
    return tuple(dict.fromkeys((*notes, *result.notes)))


def _interval(verdict: Verdict) -> tuple[Number, ...]:
    """The ends of what is no exact figure."""
    low, high = verdict.found.low, verdict.found.high
    return () if low is None or high is None or low == high else (low, high)


def _plain(value: Number | None) -> int | float | None:
    """An exact number as JSON and the formats take it."""
    if isinstance(value, Fraction):
        return value.numerator if value.denominator == 1 else float(value)
    return value


def _ratio(value: units.Number | None, extra: int) -> str:
    if value is None:
        return units.NOT_MEASURED
    return "unknown" if not math.isfinite(value) else f"{value:.{3 + extra}f}x"


def _giga(value: units.Number | None, extra: int) -> str:
    return units.NOT_MEASURED if value is None else f"{units.giga(value / 1e9, extra)} G"


_FORMS: dict[str, units.Format] = {
    "flops": _giga,
    "macs": _giga,
    "params": units.parameters,
    "memory": units.mib,
    "latency": units.ms,
}


def _judged(one: Judged) -> dict[str, Any]:
    budget = one.budget
    settings = budget.settings()
    return {
        "model": one.model,
        "name": one.name,
        "budget": {
            "name": budget.name,
            "where": budget.where,
            "baseline": budget.baseline,
            "convention": budget.convention,
            "confidence": budget.confidence,
            "on_inconclusive": budget.on_inconclusive,
            "imgsz": list(settings.imgsz),
            "batch": settings.batch,
            "device": settings.device,
            "dtype": settings.dtype,
            "threads": settings.threads,
        },
        "passed": holds(one.verdicts, budget.on_inconclusive),
        "elapsed_s": one.elapsed_s,
        "verdicts": [_verdict(verdict) for verdict in one.verdicts],
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    limit, found = verdict.limit, verdict.found
    return {
        "limit": limit.key,
        "outcome": verdict.outcome.value,
        "unit": _UNITS[limit.quantity],
        "relative": limit.relative,
        "at_most": _json(limit.value),
        "value": _json(found.value),
        "low": _json(found.low),
        "high": _json(found.high),
        "candidate": _json(found.candidate),
        "baseline": _json(found.baseline),
        "reason": found.reason,
    }


def _json(value: Number | None) -> int | float | str | None:
    plain = _plain(value)
    return str(plain) if isinstance(plain, float) and not math.isfinite(plain) else plain
