"""From a limit and what was found to a word. Pure.

A figure has a lower and an upper end; of an exact one they are the same. ``passed``: the upper end is within the
limit. ``failed``: the lower end is beyond it. Everything between is ``inconclusive``: more time may tell, a guess must
not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from surgeon.gate.budget import Budget, Limit, OnInconclusive

Number = Fraction | int | float


class Outcome(StrEnum):
    """What may be said of a limit."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A figure as it was found.

    Attributes:
        low, high: Its ends; None where it could not be had.
        value: The figure itself; of a timed one the estimate between its ends.
        candidate, baseline: Of a ratio, the two figures: counts, bytes or ms.
        reason: Why it is not known, or what else belongs to it, as a sentence; else empty.
        doubted: Whether the measurement itself says that nothing may be concluded from it.
        pairs: Of a timed one, how many pairs it is from.
    """

    low: Number | None
    high: Number | None
    value: Number | None
    candidate: Number | None = None
    baseline: Number | None = None
    reason: str = ""
    doubted: bool = False
    pairs: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A limit with what was found and what that means."""

    limit: Limit
    found: Found
    outcome: Outcome

    @property
    def unanswered(self) -> bool:
        """Whether there is no figure at all, which more time would not change."""
        return self.found.value is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One model under one budget.

    Attributes:
        model: As it was named.
        name: Its display name.
        budget: What it was held to.
        verdicts: One a limit.
        elapsed_s: Seconds of counting and timing.
    """

    model: str
    name: str
    budget: Budget
    verdicts: tuple[Verdict, ...]
    elapsed_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What became of all that was to be checked.

    Attributes:
        judged: Models in the order in which they were judged.
        unjudged: ``(model, budget)`` of those that an interrupt left out.
        interrupted: Whether the user cut it short.
        notes: Sentences that belong under the table.
        command: What reproduces it on a command line.
    """

    judged: tuple[Judged, ...]
    unjudged: tuple[tuple[str, Budget], ...] = ()
    interrupted: bool = False
    notes: tuple[str, ...] = ()
    command: str | None = None

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Those of all models."""
        return tuple(verdict for one in self.judged for verdict in one.verdicts)

    def count(self, outcome: Outcome) -> int:
        """How many limits have this outcome."""
        return sum(verdict.outcome is outcome for verdict in self.verdicts)

    @property
    def unanswered(self) -> tuple[tuple[Judged, Verdict], ...]:
        """The limits that nothing could be held to."""
        return tuple((one, verdict) for one in self.judged for verdict in one.verdicts if verdict.unanswered)

    @property
    def kept(self) -> bool:
        """Whether every budget was kept: nothing failed, and what is inconclusive is allowed to be."""
        return all(holds(one.verdicts, one.budget.on_inconclusive) for one in self.judged)

    @property
    def passed(self) -> bool:
        """Whether every budget was kept, with a figure for each limit and no model left out."""
        return self.kept and not self.interrupted and not self.unanswered


def judge(limit: Limit, found: Found) -> Verdict:
    """Hold a figure to a limit."""
    return Verdict(limit=limit, found=found, outcome=_outcome(limit.value, found))


def holds(verdicts: Iterable[Verdict], on_inconclusive: OnInconclusive) -> bool:
    """Whether verdicts leave a budget kept."""
    broken = {Outcome.FAILED, *((Outcome.INCONCLUSIVE,) if on_inconclusive == "fail" else ())}
    return not any(verdict.outcome in broken for verdict in verdicts)


def _outcome(limit: Fraction, found: Found) -> Outcome:
    if found.low is None or found.high is None or found.doubted:
        return Outcome.INCONCLUSIVE
    if math.isnan(found.low) or math.isnan(found.high):
        return Outcome.INCONCLUSIVE
    if found.high <= limit:
        return Outcome.PASSED
    return Outcome.FAILED if found.low > limit else Outcome.INCONCLUSIVE
