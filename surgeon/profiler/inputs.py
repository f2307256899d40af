"""The image batch that a network is measured on, and how it is run on it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from surgeon.profiler.settings import ProfileSettings

Forward = Callable[[nn.Module, Tensor], object]
"""How to run a network on one image batch, where that is not ``module(image)``."""


def input_channels(module: nn.Module) -> int:
    """Channels of the image: what the model's own ``yaml`` says, else its first convolution, else 3."""
    yaml = getattr(module, "yaml", None)
    if isinstance(yaml, dict):
        channels = yaml.get("channels") or yaml.get("ch")
        if isinstance(channels, int):
            return channels
    first = next((m for m in module.modules() if isinstance(m, nn.Conv2d)), None)
    return 3 if first is None else first.in_channels


def example_images(module: nn.Module, settings: ProfileSettings, seed: int = 0) -> Tensor:
    """Random images ``(B, C, H, W)`` in [0, 1), of the settings' size, type and device.

    They come from a generator of their own: the global random state stays as it is.
    """
    shape = (settings.batch, input_channels(module), *settings.imgsz)
    images = torch.rand(shape, generator=torch.Generator().manual_seed(seed))
    return images.to(device=settings.device, dtype=getattr(torch, settings.dtype))
