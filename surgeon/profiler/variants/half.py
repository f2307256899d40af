"""Weights and images in float16."""

from __future__ import annotations

from torch import Tensor, nn

from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.variants.fed import Fed, copy_of
from surgeon.profiler.variants.variant import Built, only_float32


class Half:
    """``model.half()``, as ``yolo predict half=True`` runs it."""

    name = "half"

    def build(self, module: nn.Module, images: Tensor, settings: ProfileSettings) -> Built | str:
        """A copy in float16, on a CUDA device."""
        if not settings.device.startswith("cuda"):
            return f"float16 is timed on a CUDA device only, and the device is {settings.device}"
        return only_float32(settings, "float16") or Built(
            module=Fed(copy_of(module).half(), images.half()), precision="float16"
        )
