"""How long a GPU works for each row, from a trace. Torch-free.

A kernel belongs to the row that launched it, whatever the host runs by the time the card gets to it. Copies and memsets
are work of the card too. Where pieces of one row's work overlap on several streams, the time counts once.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from surgeon.profiler.trace.data import ROWS, RUNS, Span

NO_KERNELS = "the trace holds no kernels"

_WORK = ("kernel", "gpu_memcpy", "gpu_memset")
_LAUNCH = re.compile("LaunchKernel|LaunchCooperativeKernel|GraphLaunch")
"""Calls that leave work on the card in any case; an empty copy leaves none."""

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """Kernel-busy times, each a median over runs.

    Attributes:
        rows_ms: Milliseconds by the path of the row; 0 where a row launches nothing.
        network_ms: Those of the whole run, what no row launched included; less than the rows' sum where rows overlap.
        runs: Runs that were recorded whole.
    """

    rows_ms: Mapping[str, float]
    network_ms: float
    runs: int


@dataclass(frozen=True, slots=True)
class _Work:
    """A piece of work on the card: when the host launched it, and when it ran, in microseconds."""

    launched_us: float
    start_us: float
    end_us: float


def busy_of(events: Sequence[Event], spans: Sequence[Span]) -> Busy | str:
    """Kernel-busy times of marked runs, or why the events do not tell them, as a clause.

    Args:
        events: Chrome trace events.
        spans: Surgeon's spans of the same trace.
    """
    whole = [event for event in events if event.get("ph") == "X"]
    on_card = [event for event in whole if event.get("cat") in _WORK]
    if not on_card:
        return NO_KERNELS
    calls = _by(whole, ("cuda_runtime", "cuda_driver"), "correlation")
    work = list(_launched(on_card, calls, _by(whole, ("cpu_op", "user_annotation"), "External id")))
    if len(work) < len(on_card):
        return f"{len(on_card) - len(work)} of {len(on_card)} kernels in the trace have no launch in it"
    seen = {event["args"].get("correlation") for event in on_card}
    lost_us = [float(call["ts"]) for link, call in calls.items() if link not in seen and _LAUNCH.search(call["name"])]
    runs = [span for span in spans if span.track == RUNS and not any(_holds(span, us) for us in lost_us)]
    if not runs:
        return "no run's kernels are all in the trace"
    rows = [span for span in spans if span.track == ROWS]
    found = [_by_row([one for one in work if _holds(run, one.launched_us)], rows) for run in runs]
    paths = {span.label.path for span in rows if span.label is not None}
    return Busy(
        rows_ms={path: statistics.median(_union_ms(by_row.get(path, [])) for by_row in found) for path in paths},
        network_ms=statistics.median(_union_ms(w for own in by_row.values() for w in own) for by_row in found),
        runs=len(runs),
    )


def _by(events: Iterable[Event], categories: Sequence[str], link: str) -> dict[Any, Event]:
    """Events of some categories by the number that links them to work on the card."""
    return {event["args"][link]: event for event in events if event.get("cat") in categories and _linked(event, link)}


def _linked(event: Event, link: str) -> bool:
    return bool(event.get("args", {}).get(link))


def _launched(on_card: Iterable[Event], calls: Mapping[Any, Event], operators: Mapping[Any, Event]) -> Iterable[_Work]:
    """Work with its launch: the call of the driver or runtime, or the operator around a call that is not traced."""
    for event in on_card:
        links = event.get("args", {})
        launch = calls.get(links.get("correlation")) or operators.get(links.get("External id"))
        if launch is not None:
            start_us = float(event["ts"])
            yield _Work(float(launch["ts"]), start_us, start_us + float(event.get("dur", 0)))


def _by_row(work: Iterable[_Work], rows: Sequence[Span]) -> dict[str | None, list[_Work]]:
    """Work by the path of the row that launched it, None for no row; of a row in a row the inner one."""
    found: dict[str | None, list[_Work]] = {}
    for one in work:
        around = [row for row in rows if _holds(row, one.launched_us)]
        inner = max(around, key=lambda row: row.start_us, default=None)
        path = None if inner is None or inner.label is None else inner.label.path
        found.setdefault(path, []).append(one)
    return found


def _holds(span: Span, time_us: float) -> bool:
    return span.start_us <= time_us <= span.end_us


def _union_ms(work: Iterable[_Work]) -> float:
    """Milliseconds in which at least one piece runs."""
    covered_us, until_us = 0.0, float("-inf")
    for one in sorted(work, key=lambda w: w.start_us):
        covered_us += max(0.0, one.end_us - max(one.start_us, until_us))
        until_us = max(until_us, one.end_us)
    return covered_us / 1000
