"""Training memory by batch size, predicted from a twin without data: nothing is trained, and nothing is computed.

The step is followed at a few batch sizes (forward in training mode, the loss, backward); all results but weights'
gradients grow in proportion to the batch, so that what lies between and beyond is on a line.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from surgeon.errors import MeasurementError
from surgeon.profiler.inputs import Forward, input_channels
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.subject import Subject
from surgeon.profiler.training.loss import TrainingLoss
from surgeon.profiler.training.step import StepMemory, static_tensors, step_memory, trains_all
from surgeon.profiler.training_figures import MARGIN, OPTIMIZERS, BatchMemory, TrainingMemory

_FLOAT = 4
_PIXELS = 4 * 640 * 640
_MOST_IMAGES = 64
NO_LOSS = "none that surgeon knows: gradients flow back from every output"


def predict_training_memory(
    module: nn.Module,
    imgsz: tuple[int, int],
    *,
    name: str,
    loss: TrainingLoss | None = None,
    optimizer: str = OPTIMIZERS[0],
    amp: str | None = None,
    ema: bool = True,
    budget_bytes: int | None = None,
    margin: float = MARGIN,
    forward: Forward | None = None,
) -> TrainingMemory:
    """Predict what training needs of memory.

    Args:
        module: The network; only read.
        imgsz: Image size ``(H, W)`` in pixels.
        name: Its name, for messages.
        loss: What it is trained with; without one gradients flow back from every output.
        optimizer: ``adamw``, ``sgd`` (with momentum) or ``musgd`` (Ultralytics').
        amp: ``float16`` or ``bfloat16`` for autocast as on CUDA; None for float32 throughout.
        ema: Whether a moving average of the network is kept, as Ultralytics' trainer does.
        budget_bytes: Memory that it has to fit into, for the report.
        margin: Part of the budget that stays free.
        forward: How to run the network, default ``module(image)``.

    Raises:
        MeasurementError: An unknown optimizer, nothing to train, or a network that cannot train at this size.
    """
    if optimizer not in OPTIMIZERS:
        raise MeasurementError(f"{optimizer!r} is no optimizer that surgeon knows: {', '.join(OPTIMIZERS)} are")
    parameters, trained, buffers = static_tensors(module)
    if not trained:
        raise MeasurementError(f"{name} has no parameters, so there is no training whose memory could be predicted")
    notes = []
    if trains_all(module):
        notes.append("No parameter requires a gradient, as in a published checkpoint; all are taken as trained.")
    lower = None if amp is None else getattr(torch, amp)
    found = _Followed(module, imgsz, name, lower, forward).points(loss)
    notes += found.notes
    weights = _float_bytes(trained)
    return TrainingMemory(
        imgsz=imgsz,
        optimizer=optimizer,
        amp=amp,
        loss=NO_LOSS if found.loss is None else found.loss.name,
        boxes_per_image=None if found.loss is None else found.loss.boxes_per_image,
        parameter_bytes=_float_bytes(parameters),
        buffer_bytes=_float_bytes(buffers),
        gradient_bytes=weights,
        optimizer_bytes=_state_bytes(optimizer, trained),
        ema_bytes=(_float_bytes(parameters) + _float_bytes(buffers)) * ema,
        update_bytes=weights * (2 if optimizer == "musgd" else 1),
        points=found.steps,
        bend=_bend(found.steps),
        trained_params=sum(parameter.numel() for parameter in trained),
        followed_on=found.device,
        budget_bytes=budget_bytes,
        margin=margin,
        notes=tuple(notes),
    )


def predict_subject(
    subject: Subject, settings: ProfileSettings, forward: Forward | None = None
) -> TrainingMemory | None:
    """Predict what is asked for by the settings, None where nothing is.

    Raises:
        MeasurementError: As `predict_training_memory`.
    """
    if settings.fit is None:
        return None
    return predict_training_memory(
        subject.module,
        settings.imgsz,
        name=subject.name,
        loss=None if subject.training_loss is None else subject.training_loss(subject.module),
        optimizer=settings.fit.optimizer,
        amp=settings.fit.amp,
        budget_bytes=settings.fit.budget_bytes,
        forward=forward,
    )


class _Followed:
    """Steps at several batch sizes, and how they could be followed.

    Attributes:
        steps: By batch size.
        loss: The loss that was run.
        device: Where the twin was.
        notes: Sentences on what did not work.
    """

    def __init__(
        self,
        module: nn.Module,
        imgsz: tuple[int, int],
        name: str,
        amp: torch.dtype | None,
        forward: Forward | None,
    ) -> None:
        self._module, self._imgsz, self._name, self._amp, self._forward = module, imgsz, name, amp, forward
        self.steps: tuple[BatchMemory, ...] = ()
        self.loss: TrainingLoss | None = None
        self.device = "meta"
        self.notes: list[str] = []

    def points(self, loss: TrainingLoss | None) -> _Followed:
        """Follow steps: with the loss if it can be run, without data if the network can."""
        few = max(2, min(_MOST_IMAGES, _PIXELS // (self._imgsz[0] * self._imgsz[1])) // 2)
        ways = [(loss, "meta")] * (loss is not None) + [(None, "meta"), (loss, "cpu"), (None, "cpu")]
        errors = []
        for self.loss, self.device in ways:
            large = 2 * few if self.device == "meta" else 2
            try:
                biggest = self._follow(large)
            except Exception as error:  # the next way may do; if none does, the last error is the real network's own
                errors.append(error)
                continue
            if loss is not None and self.loss is None:
                self.notes.append(f"{loss.name} could not be run on made-up labels ({_line(errors[0])}).")
            self.steps = (*self._single(), self._follow(large // 2), biggest) if large > 2 else self._pair(biggest)
            return self
        raise MeasurementError(
            f"{self._name} cannot train on images of {self._imgsz[0]}x{self._imgsz[1]} pixels, so its training memory "
            f"cannot be predicted: {_line(errors[-1])}"
        ) from errors[-1]

    def _pair(self, biggest: BatchMemory) -> tuple[BatchMemory, ...]:
        return (*self._single(), biggest)

    def _single(self) -> tuple[BatchMemory, ...]:
        """One image, where that is enough (BatchNorm on a map of one pixel has nothing to normalise in it)."""
        try:
            return (self._follow(1),)
        except Exception as error:
            self.notes.append(f"It does not train on batches of 1 image ({_line(error)}); that row is extrapolated.")
            return ()

    def _follow(self, batch: int) -> BatchMemory:
        found: StepMemory = step_memory(
            self._module,
            self._imgsz,
            batch,
            loss=self.loss,
            amp=self._amp,
            forward=self._forward,
            device=self.device,
        )
        pixels = input_channels(self._module) * self._imgsz[0] * self._imgsz[1]
        return BatchMemory(
            batch=batch,
            image_bytes=batch * pixels * _FLOAT,
            kept_bytes=found.kept_bytes,
            peak_bytes=found.peak_bytes,
        )


def _float_bytes(tensors: Iterable[Tensor]) -> int:
    """Bytes in float32; of whole numbers as they are."""
    return sum(t.numel() * (_FLOAT if t.is_floating_point() else t.element_size()) for t in tensors)


def _state_bytes(optimizer: str, trained: Iterable[Tensor]) -> int:
    """State of an optimizer: sgd one momentum, adamw two moments, musgd two momenta of matrices and kernels."""
    if optimizer == "sgd":
        return _float_bytes(trained)
    if optimizer == "adamw":
        return sum(2 * _FLOAT * t.numel() + _FLOAT for t in trained)  # and a step count each
    return sum(_FLOAT * t.numel() * (2 if t.dim() in (2, 4) else 1) for t in trained)


def _bend(points: tuple[BatchMemory, ...]) -> float:
    """How far the first point lies from the line through the last two, as a part of it."""
    if len(points) < 3:
        return 0.0
    first, low, high = points
    slope = (high.peak_bytes - low.peak_bytes) / (high.batch - low.batch)
    return abs(low.peak_bytes - slope * (low.batch - first.batch) - first.peak_bytes) / max(first.peak_bytes, 1)


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
