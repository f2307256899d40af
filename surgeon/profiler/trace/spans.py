"""From the profiler's events to surgeon's spans. Torch-free.

The profiler writes what was marked as events of the category ``user_annotation`` on the host, and
``gpu_user_annotation`` on a CUDA device, where the same span reaches from its first kernel to its last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from surgeon.profiler.trace.data import BLOCKS, ON_GPU, ROWS, RUNS, Label, Span

RUN = "ProfilerStep#"
"""Mark of a whole run, its number behind it: TensorBoard's plugin knows steps by this name."""

_HOST, _GPU = "user_annotation", "gpu_user_annotation"


def spans_of(events: Sequence[Mapping[str, Any]], labels: Sequence[Label], runs: int) -> tuple[Span, ...]:
    """Surgeon's spans of the complete runs, by time, an enclosing one first.

    Args:
        events: Chrome trace events.
        labels: What was marked.
        runs: How many runs were completed; what was marked after them is left out.
    """
    marked = [event for event in events if event.get("ph") == "X" and event.get("cat") in (_HOST, _GPU)]
    by_name = {label.name: label for label in labels}
    whole: list[Span] = []
    for category in (_HOST, _GPU):
        whole += _runs([event for event in marked if event["cat"] == category], _suffix(category), runs)
    found = list(whole)
    for event in marked:
        label = by_name.get(event["name"])
        run = _run_of(event, whole, _suffix(event["cat"]))
        if label is not None and run is not None:
            found += _spans(event, label, run)
    order = (RUNS, ROWS, BLOCKS)
    return tuple(
        sorted(found, key=lambda s: (s.start_us, -s.end_us, next(i for i, t in enumerate(order) if t in s.track)))
    )


def _suffix(category: str) -> str:
    return ON_GPU if category == _GPU else ""


def _runs(events: Sequence[Mapping[str, Any]], suffix: str, runs: int) -> Iterator[Span]:
    for event in events:
        name = event["name"]
        if name.startswith(RUN) and (number := int(name.removeprefix(RUN))) <= runs:
            start_us = float(event["ts"])
            end_us = start_us + float(event["dur"])
            yield Span(track=RUNS + suffix, name=f"run {number}", run=number, start_us=start_us, end_us=end_us)


def _run_of(event: Mapping[str, Any], whole: Sequence[Span], suffix: str) -> int | None:
    """The run in which an event began."""
    start_us = float(event["ts"])
    for span in whole:
        if span.track == RUNS + suffix and span.start_us <= start_us <= span.end_us:
            return span.run
    return None


def _spans(event: Mapping[str, Any], label: Label, run: int) -> Iterator[Span]:
    """A row is on the track of the rows, what surgeon inserted on that of the blocks, an inserted row on both."""
    start_us = float(event["ts"])
    tracks = [ROWS] * label.is_row + [BLOCKS] * label.planted
    for track in tracks:
        yield Span(
            track=track + _suffix(event["cat"]),
            name=label.name,
            run=run,
            start_us=start_us,
            end_us=start_us + float(event["dur"]),
            label=label,
        )
