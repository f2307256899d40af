"""trace: what runs when, by row, for a viewer."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from surgeon.errors import InputError
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.trace.data import Trace
from surgeon.workflows.measuring import profile, subject_of

if TYPE_CHECKING:
    from surgeon.models.opened import OpenedModel

MOST_RUNS = 1000
"""A trace holds every operator of every run: more is no trace that a viewer opens."""


def trace(
    model: OpenedModel, settings: ProfileSettings, *, runs: int | None = None, command: str | None = None
) -> Trace:
    """Run a network a few times under PyTorch's profiler, deployed as a profile times it, after warming up.

    Args:
        model: The network; only read.
        settings: Image size, batch, device, type and threads.
        runs: Runs in the trace, by default 5.
        command: What reproduces it on a command line.

    Raises:
        InputError: There are no runs, or far too many.
        MeasurementError: This machine cannot measure what was asked.
    """
    from surgeon.profiler.trace.labels import has_grafts, labels_of
    from surgeon.profiler.trace.recording import DEFAULT_RUNS, record

    runs = DEFAULT_RUNS if runs is None else runs
    if not 1 <= runs <= MOST_RUNS:
        raise InputError(f"{runs} runs make no trace: give 1 to {MOST_RUNS}")
    subject = subject_of(model, settings)
    paths = {layer.key: layer.path for layer in subject.graph}
    detail = has_grafts(model.module, set(paths.values()))
    counted = profile(model, dataclasses.replace(settings, latency=False, detail=detail), command)
    recorded = record(subject, settings, labels_of(model.module, counted, paths), runs=runs)
    return Trace(profile=counted, recorded=recorded, command=command)
