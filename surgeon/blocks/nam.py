"""NAM: a gate from the map's own BatchNorm, weighted by the channels' scales.

Paper: NAM, arXiv 2111.12419, equation 2. Definition followed: https://github.com/Christian-lyc/NAM,
``MODELS/attention.py``. The weighting is a factor a channel instead of the code's two permuted copies of the map.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from surgeon.blocks.catalog.nam import INFO
from surgeon.blocks.common import Block, batch_norm, scaled, sigmoid_gate, widen
from surgeon.blocks.fresh import unheard


class NAM(Block):
    """``out = x * sigmoid(bn(x) * |w| / sum(|w|))``, w the BatchNorm's weight; the share takes no gradient."""

    info = INFO

    def __init__(self, in_channels: int, out_channels: int | None = None) -> None:
        """Create the BatchNorm.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.

        Raises:
            BlockError: The widths do not work.
        """
        super().__init__(in_channels, out_channels, {})
        self.bn = nn.BatchNorm2d(in_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        normed = batch_norm(self.bn, x)
        weight = widen(self.bn.weight.detach().abs())
        share = weight / weight.sum().clamp(min=torch.finfo(weight.dtype).tiny)
        factor = share.to(normed.dtype)[:, None, None]
        return sigmoid_gate(x, scaled(normed, factor) if unheard(self.bn) else normed * factor)
