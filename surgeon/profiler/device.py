"""Whether a device can be measured on, before anything is spent."""

from __future__ import annotations

from typing import Any

import torch

from surgeon.errors import MeasurementError
from surgeon.profiler.sensible import require_sensible
from surgeon.profiler.settings import ProfileSettings

DTYPES = ("float32", "float16", "bfloat16")


def require_measurable(settings: ProfileSettings) -> None:
    """Refuse settings that this machine cannot measure.

    Raises:
        MeasurementError: The device is unknown or absent, or the settings' numbers make no sense.
    """
    if settings.dtype not in DTYPES:
        raise MeasurementError(f"dtype {settings.dtype!r} cannot be measured; known are {', '.join(DTYPES)}")
    require_sensible(settings)
    try:
        device = torch.device(settings.device)
    except RuntimeError as error:
        raise MeasurementError(f"device {settings.device!r} is unknown; use cpu, cuda or cuda:0") from error
    if device.type not in ("cpu", "cuda"):
        raise MeasurementError(f"device {settings.device!r} cannot be timed; use cpu, cuda or cuda:0")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise MeasurementError(f"device {settings.device!r} was asked for, but {_missing_cuda()}; use cpu")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise MeasurementError(
            f"device {settings.device!r} was asked for, but there are {torch.cuda.device_count()} CUDA GPUs"
        )
    if device.type != "cuda" and (asked := settings.only_on_cuda()):
        raise MeasurementError(f"{', '.join(asked)} can be measured on a CUDA device only, not on {settings.device!r}")


def _missing_cuda() -> str:
    """What a CUDA device lacks here, in the words of whoever misses it."""
    cuda: Any = torch.cuda  # torch has no types for these
    if torch.version.cuda is None:
        return f"this PyTorch ({torch.__version__}) is built without CUDA"
    try:
        cuda.init()
    except (RuntimeError, AssertionError) as error:
        return f"PyTorch sees no CUDA GPU here ({str(error).partition('.')[0].strip()})"
    return "PyTorch sees no CUDA GPU here"
