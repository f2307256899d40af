"""What the library writes for other programs' viewers: `surgeon.trace`, `surgeon.log_to_ultralytics`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from surgeon import workflows
from surgeon.api import open_model
from surgeon.arguments import size
from surgeon.profiler.results import Comparison, ProfileResult
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.trace.data import Trace
from surgeon.report.progress import showing
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


def trace(
    model: Any,
    imgsz: int | str | Sequence[int] = 640,
    *,
    runs: int = 5,
    progress: bool | None = None,
    **settings: Any,
) -> RecordedTrace:
    """Record what runs when, by row, under PyTorch's profiler.

    Args:
        model: Anything `surgeon.open` takes; it is left as it is.
        imgsz: Image side or ``(H, W)`` in pixels.
        runs: Runs in the trace; those that warm up come before it.
        progress: Whether to show how far it is on stderr; by default on a terminal and in a notebook.
        **settings: ``batch``, ``device``, ``dtype``, ``threads``, ``fused`` of `surgeon.ProfileSettings`.

    Raises:
        InputError: The model, the size or the number of runs cannot be used.
        MeasurementError: This machine cannot measure what was asked.
    """
    chosen = ProfileSettings(imgsz=size(imgsz), latency=False, **settings)
    with showing(progress):
        return shown(RecordedTrace, workflows.trace(open_model(model).opened, chosen, runs=runs))


def log_to_ultralytics(model: Any, result: ProfileResult | Comparison | None = None) -> None:
    """Log what a network costs to whichever of Ultralytics' experiment loggers is active when it is trained.

        model = YOLO("yolov8n-gam.pt")
        surgeon.log_to_ultralytics(model)
        model.train(data="coco8.yaml")

    The figures are named ``surgeon/params``, ``surgeon/gflops`` …, with ``surgeon/baseline/…`` and
    ``surgeon/…_ratio`` beside them where the network records surgeon's edits or a comparison is given; the report goes
    along as Markdown. TensorBoard, MLflow, Weights & Biases, Comet, ClearML and DVCLive take them; docs/loggers.md says
    what was tried live. Nothing that goes wrong stops the training.

    Args:
        model: The ``ultralytics.YOLO`` that is going to be trained, with or without surgeon's edits.
        result: What to log, from `surgeon.compare` (its first candidate) or `Model.profile`, latencies included. By
            default the network is counted at the start of its training, at its image size and with its number of
            classes; nothing is timed then.

    Raises:
        InputError: The object is not trained by Ultralytics, or the result is none.
    """
    workflows.log_to_ultralytics(model, result)
