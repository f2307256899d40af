"""check: whether models keep to their budgets."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from surgeon.errors import InputError
from surgeon.gate.baseline import saved_baseline
from surgeon.gate.budget import Budget
from surgeon.gate.figures import found_for, timed_ratio
from surgeon.gate.judge import CheckResult, Judged, Verdict, judge
from surgeon.gate.matching import Job
from surgeon.profiler.paired_figures import PairedLatency
from surgeon.profiler.results import ProfileResult
from surgeon.profiler.settings import ProfileSettings
from surgeon.progress import begin
from surgeon.workflows.editing import open_model, tree
from surgeon.workflows.measuring import compare, profile

if TYPE_CHECKING:
    from surgeon.models.opened import OpenedModel


def check(
    jobs: Sequence[Job],
    *,
    trust: bool = False,
    trust_modules: Sequence[str] = (),
    opened: Mapping[str, OpenedModel] | None = None,
    announce: Callable[[str], None] = begin,
    command: str | None = None,
    notes: tuple[str, ...] = (),
) -> CheckResult:
    """Measure models as far as their budgets ask, and hold them to these.

    Everything is opened before anything is measured, so that what is refused is refused at once. An interrupt ends the
    work; what was judged by then is kept.

    Args:
        jobs: Each model with its budget.
        trust: Read a ``.pt`` with full unpickling.
        trust_modules: Packages whose classes a ``.pt`` may use.
        opened: Models that are open already, by the name that jobs and budgets call them.
        announce: Told in a few words what begins, for a progress line.
        command: What reproduces it on a command line.
        notes: What else is to be known of the result.

    Raises:
        ModelFileError: A model or a baseline cannot be opened, or cannot run at the budget's image size.
        BudgetError: A saved baseline does not fit its budget.
        MeasurementError: This machine cannot measure what a budget states.
    """
    bench = _Bench(trust, tuple(trust_modules), dict(opened or {}))
    for job in jobs:
        bench.prepare(job)
    judged: list[Judged] = []
    interrupted = False
    for number, job in enumerate(jobs, start=1):
        size = f"{job.budget.imgsz[0]}x{job.budget.imgsz[1]}"
        announce(f"checking {job.model} at {size}, batch {job.budget.batch} ({number} of {len(jobs)})")
        try:
            one, interrupted = bench.judge(job)
            judged.append(one)
        except KeyboardInterrupt:
            interrupted = True
        if interrupted:
            break
    left = tuple((job.model, job.budget) for job in jobs[len(judged) :])
    return CheckResult(judged=tuple(judged), unjudged=left, interrupted=interrupted, notes=notes, command=command)


@dataclass(slots=True)
class _Bench:
    """Models and results that several budgets share."""

    trust: bool
    trust_modules: tuple[str, ...]
    opened: dict[str, OpenedModel] = field(default_factory=dict)
    saved: dict[tuple[str, ProfileSettings], ProfileResult] = field(default_factory=dict)

    def prepare(self, job: Job) -> None:
        """Open what a job needs, and refuse what cannot be measured."""
        from surgeon.profiler.device import require_measurable

        budget = job.budget
        settings = budget.settings()
        require_measurable(settings)
        try:
            tree(self._open(job.model), budget.imgsz)
        except InputError as error:
            named = str(error) if job.model in str(error) else f"{job.model}: {error}"
            raise type(error)(named) from error
        if budget.baseline is None:
            return
        if budget.saved_baseline:
            self.saved[budget.baseline, replace(settings, latency=False)] = saved_baseline(budget.baseline, budget)
            return
        try:
            tree(self._open(budget.baseline), budget.imgsz)
        except InputError as error:
            raise type(error)(f"{budget.where}, baseline: {error}") from error

    def judge(self, job: Job) -> tuple[Judged, bool]:
        """One model's verdicts, and whether the user interrupted its timing."""
        budget, start_s = job.budget, time.monotonic()
        model, settings = self._open(job.model), job.budget.settings()
        paired: PairedLatency | None = None
        base: ProfileResult | None = None
        interrupted = False
        if budget.timed:
            assert budget.baseline is not None and not budget.saved_baseline, "budget_of refuses it"
            whole = replace(settings, row_latency=False)  # nobody reads rows here: all the time goes to the pairs
            found = compare([self._open(budget.baseline), model], whole)
            base, result, paired, interrupted = *found.results, found.paired[0], found.interrupted
        else:
            result = self._profile(job.model, settings)
            base = self._profile(budget.baseline, settings) if budget.baseline is not None else None
        verdicts = tuple(_verdicts(budget, result, base, paired))
        elapsed_s = time.monotonic() - start_s
        return Judged(
            model=job.model, name=model.name, budget=budget, verdicts=verdicts, elapsed_s=elapsed_s
        ), interrupted

    def _open(self, name: str) -> OpenedModel:
        if name not in self.opened:
            begin(f"opening {name}", early=True)
            self.opened[name] = open_model(name, trust=self.trust, trust_modules=self.trust_modules)
        return self.opened[name]

    def _profile(self, name: str, settings: ProfileSettings) -> ProfileResult:
        key = (name, replace(settings, latency=False))
        if key not in self.saved:
            self.saved[key] = profile(self._open(name), key[1])
        return self.saved[key]


def _verdicts(
    budget: Budget, result: ProfileResult, base: ProfileResult | None, paired: PairedLatency | None
) -> list[Verdict]:
    verdicts = []
    for limit in budget.limits:
        if limit.quantity == "latency":
            assert paired is not None, "a timed budget was timed"
            verdicts.append(judge(limit, timed_ratio(paired, budget.confidence)))
        else:
            verdicts.append(judge(limit, found_for(limit, budget, result, base)))
    return verdicts
