"""What the library writes for other programs' viewers: `surgeon.trace`, `surgeon.log_to_ultralytics`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from surgeon import workflows
from surgeon.api import open_model, size
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.trace.data import Trace
from surgeon.shown import shown


class RecordedTrace(Trace):
    """A `surgeon.profiler.trace.data.Trace` that writes itself."""

    __slots__ = ()

    def save(self, path: str | Path, *, force: bool = False) -> Path:
        """Write it: ``….pt.trace.json`` (also ``.gz``) for any viewer, ``….pftrace`` for Perfetto.

        Raises:
            OutputError: The suffix is no trace's, the file exists and `force` is not given, or it cannot be written.
            MissingDependencyError: A ``.pftrace`` without the package ``perfetto``.
        """
        from surgeon.profiler.trace.files import write_trace

        return write_trace(self, Path(path), force=force)

    def to_tensorboard(self, folder: str | Path) -> list[Path]:
        """Write trace, figures and report where ``tensorboard --logdir FOLDER`` finds them; returns what was written.

        Raises:
            OutputError: The folder cannot be written to.
            MissingDependencyError: TensorBoard is not installed.
        """
        return workflows.to_tensorboard(Path(folder), self.profile, trace=self)

    def __repr__(self) -> str:
        """Model and size; the events of a trace are thousands."""
        return f"<surgeon trace of {self.profile.name}: {self.runs} runs, {len(self.spans)} spans>"


def trace(model: Any, imgsz: int | str | Sequence[int] = 640, *, runs: int = 5, **settings: Any) -> RecordedTrace:
    """Record what runs when, by row, under PyTorch's profiler.

    Args:
        model: Anything `surgeon.open` takes; it is left as it is.
        imgsz: Image side or ``(H, W)`` in pixels.
        runs: Runs in the trace; those that warm up come before it.
        **settings: ``batch``, ``device``, ``dtype``, ``threads``, ``fused`` of `surgeon.ProfileSettings`.

    Raises:
        InputError: The model, the size or the number of runs cannot be used.
        MeasurementError: This machine cannot measure what was asked.
    """
    chosen = ProfileSettings(imgsz=size(imgsz), latency=False, **settings)
    return shown(RecordedTrace, workflows.trace(open_model(model).opened, chosen, runs=runs))
