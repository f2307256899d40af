"""Weights and images with the channels innermost."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.variants.fed import Fed, copy_of
from surgeon.profiler.variants.variant import Built


class ChannelsLast:
    """The memory layout in which images come from a camera."""

    name = "channels_last"

    def build(self, module: nn.Module, images: Tensor, settings: ProfileSettings) -> Built | str:
        """A copy whose weights, and images, are in channels-last order."""
        network = copy_of(module).to(memory_format=torch.channels_last)
        return Built(
            module=Fed(network, images.contiguous(memory_format=torch.channels_last)), precision=settings.dtype
        )
