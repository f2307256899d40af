"""A trace in Chrome's format: the profiler's own document with a process of surgeon's beside it. Torch-free.

Perfetto, ``chrome://tracing`` and TensorBoard's plugin read it.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from surgeon.profiler.trace.data import Trace, about, arguments

PROCESS = "surgeon"
CATEGORY = "surgeon"
"""Every span needs one: TensorBoard's plugin stops at an event without it."""

_FIRST_PID = 1_000_000_000
"""Above what Linux gives to processes."""


def document(trace: Trace) -> dict[str, Any]:
    """The whole document."""
    kineto = trace.recorded.kineto
    events: list[dict[str, Any]] = kineto["traceEvents"]
    taken = {event.get("pid") for event in events}
    pid = next(number for number in range(_FIRST_PID, _FIRST_PID + len(taken) + 1) if number not in taken)
    return {
        **kineto,
        "traceName": f"{trace.profile.name}.pt.trace.json",
        "surgeon": about(trace),
        "traceEvents": [*_names(trace.tracks(), pid), *_spans(trace, pid), *events],
    }


def write_chrome(trace: Trace, path: Path) -> None:
    """Write the document, compressed where the name ends in ``.gz``."""
    text = json.dumps(document(trace), separators=(",", ":"), allow_nan=False)
    data = text.encode()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def _names(tracks: Sequence[str], pid: int) -> list[dict[str, Any]]:
    """What the viewer calls the process and its tracks; ours stands first."""
    start = {"ph": "M", "pid": pid, "ts": 0}
    found = [
        {**start, "name": "process_name", "tid": 0, "args": {"name": PROCESS}},
        {**start, "name": "process_sort_index", "tid": 0, "args": {"sort_index": -1}},
    ]
    for tid, track in enumerate(tracks, start=1):
        found.append({**start, "name": "thread_name", "tid": tid, "args": {"name": track}})
        found.append({**start, "name": "thread_sort_index", "tid": tid, "args": {"sort_index": tid}})
    return found


def _spans(trace: Trace, pid: int) -> list[dict[str, Any]]:
    tids = {track: tid for tid, track in enumerate(trace.tracks(), start=1)}
    return [
        {
            "ph": "X",
            "cat": CATEGORY,
            "name": span.name,
            "pid": pid,
            "tid": tids[span.track],
            "ts": span.start_us,
            "dur": round(span.end_us - span.start_us, 3),
            "args": arguments(span),
        }
        for span in trace.spans
    ]
