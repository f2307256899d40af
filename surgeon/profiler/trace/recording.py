"""Runs a deployed network a few times under PyTorch's profiler. The network as given is only read."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.autograd.profiler import record_function

from surgeon.errors import MeasurementError
from surgeon.profiler.inputs import example_images
from surgeon.profiler.kineto import document_of, profiler_for
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.subject import Subject, deployed
from surgeon.profiler.timing.clock import clock_for
from surgeon.profiler.timing.quiet import quiet
from surgeon.profiler.timing.runner import Runner
from surgeon.profiler.timing.warmup import warm_up
from surgeon.profiler.trace.data import Label, Recorded
from surgeon.profiler.trace.marks import Marks, marked
from surgeon.profiler.trace.spans import RUN, spans_of
from surgeon.progress import begin, reached

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
    begin(f"tracing {subject.name}")
    clock = clock_for(settings.device)
    runner = Runner(network, example_images(network, settings), clock)
    done, interrupted = 0, False
    with quiet(settings.threads), marked(network, labels) as marks:
        try:
            warm_up(runner.run_ms, clock.warmup_runs, WARMUP_S)
        except RuntimeError as error:
            size = f"{settings.imgsz[0]}x{settings.imgsz[1]}"
            raise MeasurementError(f"{subject.name} cannot run on {settings.device} at {size}: {error}") from error
        with profiler_for(settings.device):
            _run(runner, marks, 0)  # the profiler's own warm-up: what it finds is dropped
        profiler = profiler_for(settings.device)
        try:
            with profiler:
                for number in range(1, runs + 1):
                    _run(runner, marks, number)
                    done = number
                    reached(done, runs)
        except KeyboardInterrupt:
            if done < 1:
                raise
            interrupted = True
    kineto = document_of(profiler)
    spans = spans_of(kineto["traceEvents"], labels, done)
    return Recorded(kineto=kineto, spans=spans, runs=done, interrupted=interrupted)


def _run(runner: Runner, marks: Marks, number: int) -> None:
    marks.new_run()
    with record_function(f"{RUN}{number}"):
        result = runner.run()
        if runner.images.is_cuda:
            torch.cuda.synchronize(runner.images.device)
    del result
