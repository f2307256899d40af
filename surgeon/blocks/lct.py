"""LCT: one gate a channel, from the channels' means normalised within groups.

Paper: Linear Context Transform Block, arXiv 1909.03834, section 3. No code of the authors was found; definition
followed: https://github.com/changzy00/pytorch-attention (MIT), ``attention_mechanisms/lct.py``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from surgeon.blocks.catalog.lct import INFO
from surgeon.blocks.common import Block, widen


class LCT(Block):
    """``out = x * sigmoid(w * normalise(mean(x)) + b)``, normalised over the channels of each group."""

    info = INFO

    def __init__(
        self, in_channels: int, out_channels: int | None = None, *, groups: int = 64, eps: float = 1e-5
    ) -> None:
        """Create scale and shift.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            groups: Number of groups; divides C.
            eps: Added to the variance.

        Raises:
            BlockError: A setting does not work at this width.
        """
        super().__init__(in_channels, out_channels, {"groups": groups, "eps": eps})
        self.groups, self.eps = int(self.settings["groups"]), float(self.settings["eps"])
        self.w = nn.Parameter(torch.ones(in_channels))
        self.b = nn.Parameter(torch.zeros(in_channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        batch = x.shape[0]
        y = widen(x.mean((2, 3))).reshape(batch, self.groups, -1)
        away = y - y.mean(2, keepdim=True)
        normed = away * (away.square().mean(2, keepdim=True) + self.eps).rsqrt()
        gate = (normed.reshape(batch, -1) * widen(self.w) + widen(self.b)).sigmoid().to(x.dtype)
        return x * gate.unsqueeze(2).unsqueeze(3)
