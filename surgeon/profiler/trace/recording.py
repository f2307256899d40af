"""Runs a deployed network a few times under ``torch.profiler``. The network as given is only read."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile, record_function, schedule

from surgeon.errors import MeasurementError
from surgeon.profiler.inputs import example_images
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.subject import Subject, deployed
from surgeon.profiler.timing.clock import clock_for
from surgeon.profiler.timing.quiet import quiet
from surgeon.profiler.timing.runner import Runner
from surgeon.profiler.timing.warmup import warm_up
from surgeon.profiler.trace.data import Label, Recorded
from surgeon.profiler.trace.marks import Marks, marked
from surgeon.profiler.trace.spans import RUN, spans_of

DEFAULT_RUNS = 5
WARMUP_S = 5.0
"""Seconds after which warming up ends however unsteady the machine is."""


def record(
    subject: Subject, settings: ProfileSettings, labels: Sequence[Label], *, runs: int = DEFAULT_RUNS
) -> Recorded:
    """Trace a network.

    Args:
        subject: The network; a deployed copy of it runs.
        settings: Image size, batch, device, type, threads.
        labels: What to mark, in execution order.
        runs: Runs in the trace; those that warm up are not in it.

    Raises:
        MeasurementError: The network cannot run at this size.
        KeyboardInterrupt: Interrupted before the first run was complete; later, what was recorded is returned.
    """
    network = deployed(subject, settings)
    clock = clock_for(settings.device)
    runner = Runner(network, example_images(network, settings), clock)
    done, interrupted = 0, False
    with quiet(settings.threads), marked(network, labels) as marks:
        try:
            warm_up(runner.run_ms, clock.warmup_runs, WARMUP_S)
        except RuntimeError as error:
            size = f"{settings.imgsz[0]}x{settings.imgsz[1]}"
            raise MeasurementError(f"{subject.name} cannot run on {settings.device} at {size}: {error}") from error
        profiler = profile(
            activities=_activities(settings.device),
            schedule=schedule(wait=0, warmup=1, active=runs, repeat=1),
            record_shapes=True,
        )
        with _without_stderr():
            profiler.start()
        try:
            for number in range(runs + 1):
                _run(runner, marks, number)
                done = number
                with _without_stderr():
                    profiler.step()
        except KeyboardInterrupt:
            if done < 1:
                raise
            interrupted = True
        finally:
            with _without_stderr():
                profiler.stop()
    kineto = _document(profiler)
    spans = spans_of(kineto["traceEvents"], labels, done)
    return Recorded(kineto=kineto, spans=spans, runs=done, interrupted=interrupted)


def _run(runner: Runner, marks: Marks, number: int) -> None:
    """Run number 0 is the profiler's own warm-up and not in the trace."""
    marks.new_run()
    with record_function(f"{RUN}{number}"):
        result = runner.run()
        if runner.images.is_cuda:
            torch.cuda.synchronize(runner.images.device)
    del result


def _activities(device: str) -> list[ProfilerActivity]:
    on_gpu = [ProfilerActivity.CUDA] if torch.device(device).type == "cuda" else []
    return [ProfilerActivity.CPU, *on_gpu]


@contextlib.contextmanager
def _without_stderr() -> Iterator[None]:
    """Kineto writes a line to the process's stderr where it starts and stops, which nothing else keeps it from."""
    try:
        kept = os.dup(2)
    except OSError:  # there is no stderr
        yield
        return
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


def _document(profiler: profile) -> dict[str, Any]:
    """The profiler's document, which it only writes to a file."""
    with tempfile.TemporaryDirectory(prefix="surgeon-trace-") as folder:
        path = Path(folder) / "kineto.json"
        profiler.export_chrome_trace(str(path))
        document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return document
