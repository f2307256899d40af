"""A recorded trace as data: the profiler's own events, and the spans of rows and blocks. Torch-free.

Times are microseconds on the profiler's clock, `Trace.base_ns` nanoseconds after the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from surgeon.profiler.results import ProfileResult

RUNS, ROWS, BLOCKS = "runs", "rows", "inserted blocks"
"""Tracks on the host; the rows of a GPU are in `ON_GPU` of them."""

ON_GPU = " on the GPU"


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What is marked while it runs.

    Attributes:
        name: ``row 10 GAM [inserted]``, ``graft model.4.m.0.gam GAM [inserted]``.
        path: Module path.
        kind: ``GAM``.
        planted: Whether surgeon put it there.
        is_row: Whether it is a row, rather than a block inside one.
        site: ``backbone.10``; the path of a graft.
        params: Parameters.
        macs: MACs of one run at the trace's batch, by the definition; None where they were not counted.
        out_shape: Output ``(B, C, H, W)``, None where it is no single tensor.
    """

    name: str
    path: str
    kind: str
    planted: bool
    is_row: bool
    site: str
    params: int
    macs: int | None
    out_shape: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One stretch of time on one of surgeon's tracks.

    Attributes:
        track: `RUNS`, `ROWS` or `BLOCKS`, with `ON_GPU` behind it where a GPU's clock was read.
        name: The label's name, ``run 1`` for a run.
        run: Number of the run, from 1.
        start_us, end_us: Microseconds on the profiler's clock.
        label: What ran; None for a run.
    """

    track: str
    name: str
    run: int
    start_us: float
    end_us: float
    label: Label | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What the profiler saw.

    Attributes:
        kineto: Its own document in Chrome's trace format.
        spans: Surgeon's spans, by time, an enclosing one first.
        runs: Complete runs.
        interrupted: Whether the user ended it before all runs were made.
    """

    kineto: dict[str, Any]
    spans: tuple[Span, ...]
    runs: int
    interrupted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A trace of a few steady runs of one network.

    Attributes:
        profile: What is known of the network; nothing was timed for it.
        recorded: What the profiler saw.
        command: What reproduces it on a command line.
    """

    profile: ProfileResult
    recorded: Recorded
    command: str | None = None

    @property
    def spans(self) -> tuple[Span, ...]:
        """Surgeon's spans, by time, an enclosing one first."""
        return self.recorded.spans

    @property
    def runs(self) -> int:
        """Complete runs."""
        return self.recorded.runs

    @property
    def interrupted(self) -> bool:
        """Whether the user ended it before all runs were made."""
        return self.recorded.interrupted

    @property
    def base_ns(self) -> int:
        """Nanoseconds since the epoch at which the profiler's clock stands at zero."""
        return int(self.recorded.kineto.get("baseTimeNanoseconds", 0))

    def tracks(self) -> tuple[str, ...]:
        """The tracks that have spans, in the order in which a viewer shows them."""
        present = {span.track for span in self.spans}
        known = (RUNS, ROWS, BLOCKS, ROWS + ON_GPU, BLOCKS + ON_GPU)
        return tuple(track for track in known if track in present)


def arguments(span: Span) -> dict[str, Any]:
    """What a viewer shows of a span beside its name: parameters, MACs and shape of what ran."""
    if span.label is None:
        return {"run": span.run}
    label = span.label
    found: dict[str, Any] = {"site": label.site, "params": label.params}
    if label.macs is not None:
        found["MACs"] = label.macs
    if label.out_shape is not None:
        found["shape"] = "x".join(map(str, label.out_shape))
    return {**found, "run": span.run}


def about(trace: Trace) -> dict[str, Any]:
    """What the trace is of, for its file."""
    profile = trace.profile
    settings = profile.settings
    return {
        "model": profile.name,
        "source": profile.source,
        "source_sha256": profile.source_sha256,
        "imgsz": list(settings.imgsz),
        "batch": settings.batch,
        "device": settings.device,
        "dtype": settings.dtype,
        "threads": settings.threads,
        "fused": settings.fused,
        "runs": trace.runs,
        "interrupted": trace.interrupted,
        "params": profile.params,
        "macs": profile.counts.macs,
        "command": trace.command,
        "note": "recorded by torch.profiler, which slows every operator down: read proportions and order here, and "
        "latency from surgeon profile",
    }
