"""The second column of a GPU's rows: how long the card worked for each, from a few further runs under the profiler.

The rows' own times come from events in the stream, so the time in which a row waits for its launches is the row's. This
says how much of it the card spent on it. The profiler slows the host down, so the runs give no other time.
"""

from __future__ import annotations

from torch.autograd.profiler import record_function

from surgeon.graph.layer import LayerGraph
from surgeon.profiler.kineto import why_no_kernels
from surgeon.profiler.timing.cuda import CudaClock
from surgeon.profiler.timing.runner import Runner
from surgeon.profiler.trace.busy import NO_KERNELS, Busy, busy_of
from surgeon.profiler.trace.data import Label
from surgeon.profiler.trace.marks import Marks, marked
from surgeon.profiler.trace.spans import RUN, spans_of

BUSY_RUNS = 5


def kernel_busy(runner: Runner, graph: LayerGraph, clock: CudaClock) -> Busy | str:
    """Kernel-busy times of a network that is warm, or why there are none, as a clause.

    Args:
        runner: The deployed network; it carries hooks only while this runs.
        graph: Its rows.
        clock: Of the card; its profiler records.
    """
    labels = [
        Label(
            name=f"row {layer.index} {layer.kind}",
            path=layer.path,
            kind=layer.kind,
            planted=layer.planted,
            is_row=True,
            site=layer.site,
            params=layer.params,
            macs=None,
        )
        for layer in graph
    ]
    with marked(runner.module, labels) as marks:
        try:
            clock.kineto(lambda: _run(runner, clock, marks, 1))  # the profiler's own warm-up
            document = clock.kineto(lambda: _run(runner, clock, marks, BUSY_RUNS))
        except RuntimeError as error:
            return f"PyTorch's profiler cannot record this card: {str(error).splitlines()[0]}"
    events = document["traceEvents"]
    found = busy_of(events, spans_of(events, labels, BUSY_RUNS))
    return f"{found}, {why_no_kernels()}" if found == NO_KERNELS else found


def _run(runner: Runner, clock: CudaClock, marks: Marks, runs: int) -> None:
    for number in range(1, runs + 1):
        clock.prepare()
        marks.new_run()
        with record_function(f"{RUN}{number}"):
            result = runner.run()
        del result
    clock.prepare()  # the profiler must see the last run's work
