"""Time by row: a stamp where each row begins, so that the rows tile the run.

The table's figure of a row is its mean share of a run times the end-to-end median. Medians of rows do not add up;
shares do: rows + unattributed = end-to-end by construction.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from surgeon.profiler.timing.clock import Clock
from surgeon.profiler.timing.placement import Placement, placed_anew
from surgeon.profiler.timing.runner import Runner
from surgeon.profiler.timing.warmup import ALLOWANCE, warm_up
from surgeon.profiler.timing.witness import prepare
from surgeon.progress import reached

OUTSIDE = ""
"""Path under which time before the first row and after the last is booked."""

FEWEST_RUNS = 5
PLACEMENTS = 5
_T_95 = (12.706, 4.303, 3.182, 2.776)  # Student's t, 95 %, 1 to 4 degrees of freedom


@dataclass(frozen=True, slots=True, kw_only=True)
class RowShare:
    """A row's part of a run.

    Attributes:
        share: Mean over the runs, 0 to 1.
        plus_minus: Half-width of its 95 % interval from the means of the placements, inf where there was only one.
    """

    share: float
    plus_minus: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RowTiming:
    """Latency by row.

    Attributes:
        rows_ms: Milliseconds by module path, with the ± of each.
        unattributed_ms: What of the end-to-end median belongs to no row.
    """

    rows_ms: Mapping[str, tuple[float, float]]
    unattributed_ms: float


def missing_rows(module: nn.Module, paths: Sequence[str]) -> tuple[str, ...]:
    """Rows that this network does not have under their path, for example because deploying it folded them away."""
    known = {path for path, _ in module.named_modules()}
    return tuple(path for path in paths if path not in known)


def time_rows(
    runners: Sequence[Runner],
    paths: Sequence[Sequence[str]],
    clock: Clock,
    *,
    budget_s: float,
    seed: int = 0,
) -> list[Mapping[str, RowShare]]:
    """Shares of a run by row for every network, `OUTSIDE` included; they sum to 1.

    The networks take turns, so that a machine that slows down slows all of them, and are copied to other addresses
    as often as the budget allows up to `PLACEMENTS`: a row's time depends on where its maps and weights lie.

    Args:
        runners: The deployed networks, all on the same images; they carry hooks only while this runs.
        paths: Module paths of the rows of each.
        clock: Stamps and the budget.
        budget_s: Seconds at most for all; `FEWEST_RUNS` of each are made in any case.
        seed: Of the placements.
    """
    start_s, rng = clock.now_s(), random.Random(seed)
    found: list[list[Runs]] = []
    placement = Placement(tuple(runners), torch.empty(0))
    while len(found) < PLACEMENTS and (not found or clock.now_s() - start_s < budget_s):
        if found:
            placement = placed_anew(runners, rng)
        deadline_s = start_s + budget_s * (len(found) + 1) / PLACEMENTS
        found.append(_runs_in(placement, paths, clock, deadline_s, 1 if found else FEWEST_RUNS))
        reached(clock.now_s() - start_s, budget_s)
    return [
        {path: _share([_mean(runs[arm], path) for runs in found]) for path in (OUTSIDE, *rows)}
        for arm, rows in enumerate(paths)
    ]


Runs = list[dict[str, float]]
"""Runs of one network in one placement: the share of each row."""


def _runs_in(
    placement: Placement, paths: Sequence[Sequence[str]], clock: Clock, deadline_s: float, fewest: int
) -> list[Runs]:
    """Runs of every network in turns until the deadline."""
    runners = placement.runners
    allowance_s = ALLOWANCE * max(deadline_s - clock.now_s(), 0.0) / len(runners)
    runs: list[Runs] = [[] for _ in runners]
    with ExitStack() as stack:
        tapes = [stack.enter_context(stamped(r.module, p, clock.mark)) for r, p in zip(runners, paths, strict=True)]
        for runner, tape in zip(runners, tapes, strict=True):
            warm_up(partial(_run_total_ms, runner, tape, clock), clock.warmup_runs, allowance_s)
        while len(runs[0]) < fewest or clock.now_s() < deadline_s:
            for runner, tape, found in zip(runners, tapes, runs, strict=True):
                found.append(_one_run(runner, tape, clock))
    return runs


def distribute(shares: Mapping[str, RowShare], end_to_end_ms: float) -> RowTiming:
    """Spread an end-to-end median over the rows."""
    rows = {
        path: (row.share * end_to_end_ms, row.plus_minus * end_to_end_ms)
        for path, row in shares.items()
        if path != OUTSIDE
    }
    return RowTiming(rows_ms=rows, unattributed_ms=end_to_end_ms - sum(ms for ms, _ in rows.values()))


Tape = list[tuple[str, Any]]
"""Which row begins, and the clock's mark there."""


@contextmanager
def stamped(module: nn.Module, paths: Sequence[str], mark: Callable[[], Any]) -> Iterator[Tape]:
    """Record on the returned tape where each row begins, and where the last one ends."""
    tape: Tape = []
    known = set(paths)
    handles = []
    try:
        for path in paths:
            row = module.get_submodule(path)
            # Before the row's own hooks: a block that one of them plants before the row is the row's.
            handles.append(row.register_forward_pre_hook(_stamper(tape, path, mark), prepend=True))
            enclosing = next((p for p in _parents(path) if p in known), None)
            if enclosing is not None or path == paths[-1]:
                handles.append(row.register_forward_hook(_stamper(tape, enclosing or OUTSIDE, mark)))
        yield tape
    finally:
        for handle in handles:
            handle.remove()


def _stamper(tape: Tape, path: str, mark: Callable[[], Any]) -> Callable[..., None]:
    def stamp(*_: Any) -> None:
        tape.append((path, mark()))

    return stamp


def _parents(path: str) -> Iterator[str]:
    """Enclosing module paths, the innermost first."""
    while "." in path:
        path = path.rpartition(".")[0]
        yield path


def _one_run(runner: Runner, tape: Tape, clock: Clock) -> dict[str, float]:
    """Share of each row in one run."""
    spans = _run_spans(runner, tape, clock)
    total = math.fsum(ms for _, ms in spans)
    shares: dict[str, float] = {}
    for path, ms in spans:
        shares[path] = shares.get(path, 0.0) + ms / total
    return shares


def _run_total_ms(runner: Runner, tape: Tape, clock: Clock) -> float:
    return math.fsum(ms for _, ms in _run_spans(runner, tape, clock))


def _run_spans(runner: Runner, tape: Tape, clock: Clock) -> list[tuple[str, float]]:
    """The run as a row of intervals, each with the path of the row that had begun."""
    tape.clear()
    prepare(clock)
    begin = clock.mark()
    result = runner.run()
    end = clock.mark()
    spans = clock.spans_ms([begin, *(mark for _, mark in tape), end])
    del result
    return list(zip([OUTSIDE, *(path for path, _ in tape)], spans, strict=True))


def _mean(runs: Runs, path: str) -> float:
    return math.fsum(run.get(path, 0.0) for run in runs) / len(runs)


def _share(means: Sequence[float]) -> RowShare:
    """Mean of the placements' means, and its uncertainty from them (single runs of a placement are correlated)."""
    mean = math.fsum(means) / len(means)
    if len(means) < 2:
        return RowShare(share=mean, plus_minus=math.inf)
    quantile = _T_95[len(means) - 2]
    return RowShare(share=mean, plus_minus=quantile * statistics.stdev(means) / math.sqrt(len(means)))
