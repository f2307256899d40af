"""LSK: large selective kernel attention.

Paper: Large Selective Kernel Network, arXiv 2303.09030, equations 3 to 8. Definition followed:
https://github.com/zcablii/LSKNet (commit cbe06ca; written from a description, since its licence is CC BY-NC 4.0).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.catalog.lsk import INFO, half_width
from surgeon.blocks.common import Block


class LSK(Block):
    """Multiply the input by two receptive fields of itself, weighted at each pixel.

    ``a1 = conv1(conv0(x))``, ``a2 = conv2(conv_spatial(conv0(x)))``,
    ``s = sigmoid(conv_squeeze([mean, max] over the channels of [a1, a2]))``, ``out = x * conv(a1 s_0 + a2 s_1)``.
    ``attention``: ``out = x + proj_2(LSK(gelu(proj_1(x))))``.
    """

    info = INFO

    def __init__(self, in_channels: int, out_channels: int | None = None, *, variant: str = "block") -> None:
        """Create the branches, and LSKNet's projections for ``variant="attention"``.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            variant: ``block`` or ``attention``.

        Raises:
            BlockError: A setting does not work.
        """
        super().__init__(in_channels, out_channels, {"variant": variant})
        self.variant = variant
        c, half = in_channels, half_width(in_channels)
        if variant == "attention":
            self.proj_1 = nn.Conv2d(c, c, 1)
            self.spatial_gating_unit = LSK(c)
            self.proj_2 = nn.Conv2d(c, c, 1)
            return
        self.conv0 = nn.Conv2d(c, c, 5, padding=2, groups=c)
        self.conv_spatial = nn.Conv2d(c, c, 7, padding=9, groups=c, dilation=3)
        self.conv1 = nn.Conv2d(c, half, 1)
        self.conv2 = nn.Conv2d(c, half, 1)
        self.conv_squeeze = nn.Conv2d(2, 2, 7, padding=3)
        self.conv = nn.Conv2d(half, c, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        if self.variant == "attention":
            y: Tensor = self.proj_2(self.spatial_gating_unit(F.gelu(self.proj_1(x))))
            return x + y
        near: Tensor = self.conv0(x)
        far: Tensor = self.conv2(self.conv_spatial(near))
        near = self.conv1(near)
        # Both have the same width: the mean and the maximum of the two need no joint map.
        mean = (near.mean(1, keepdim=True) + far.mean(1, keepdim=True)) / 2
        largest = torch.maximum(near.amax(1, keepdim=True), far.amax(1, keepdim=True))
        share: Tensor = self.conv_squeeze(torch.cat([mean, largest], 1)).sigmoid()
        out: Tensor = x * self.conv(near * share[:, :1] + far * share[:, 1:])
        return out
