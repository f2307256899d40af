"""Autocast to bfloat16."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.variants.fed import copy_of
from surgeon.profiler.variants.variant import Built, only_float32


class Bfloat16:
    """``torch.autocast``: convolutions and matrix products in bfloat16, their weights cast at every run."""

    name = "bf16"

    def build(self, module: nn.Module, images: Tensor, settings: ProfileSettings) -> Built | str:
        """A copy that runs under autocast."""
        return only_float32(settings, "autocast") or Built(
            module=_Autocast(copy_of(module), images.device.type), precision="bfloat16"
        )


class _Autocast(nn.Module):
    def __init__(self, network: nn.Module, device: str) -> None:
        super().__init__()
        self.network = network
        self._device = device

    def forward(self, images: Tensor) -> object:
        with torch.autocast(self._device, dtype=torch.bfloat16):
            return self.network(images)
