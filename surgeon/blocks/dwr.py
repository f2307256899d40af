"""DWR and SIR: the residual blocks of DWRSeg.

Paper: DWRSeg, arXiv 2212.01173, figures 3 and 4. No code of the authors was found: ``paper`` is our reading, ``paste``
the class that is widespread in YOLO.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.catalog.dwr import DWR as DWR_INFO
from surgeon.blocks.catalog.dwr import SIR as SIR_INFO
from surgeon.blocks.catalog.dwr import half_width
from surgeon.blocks.common import Block, batch_norm
from surgeon.blocks.conv_norm import ConvNorm

DILATIONS = (1, 3, 5)


class DWR(Block):
    """Add three dilated views of the map.

    ``paper``: ``r1, r3, r5 = relu(rr_bn(rr(x)))``, ``out = x + pw(bn([d1(r1), d3(r3), d5(r5)]))``, the d depthwise.
    ``paste``: ``r = conv_3x3(x)``, ``out = x + conv_1x1([conv_3x3_d1(r), conv_3x3_d3(r), conv_3x3_d5(r)])``, each a
    dense convolution with BatchNorm and SiLU. The branch of dilation 1 has twice the width of the others.
    """

    info = DWR_INFO

    def __init__(self, in_channels: int, out_channels: int | None = None, *, variant: str = "paper") -> None:
        """Create the branches.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            variant: ``paper`` or ``paste``.

        Raises:
            BlockError: A setting does not work.
        """
        super().__init__(in_channels, out_channels, {"variant": variant})
        self.variant = variant
        half = half_width(in_channels)
        if variant == "paste":
            self.conv_3x3 = ConvNorm(in_channels, half, 3, activation="silu")
            for dilation in DILATIONS:
                wide = 2 * half if dilation == 1 else half
                self.add_module(f"conv_3x3_d{dilation}", ConvNorm(half, wide, 3, dilation=dilation, activation="silu"))
            self.conv_1x1 = ConvNorm(4 * half, in_channels, activation="silu")
            return
        self.rr = nn.Conv2d(in_channels, 3 * half, 3, padding=1, bias=False)
        self.rr_bn = nn.BatchNorm2d(3 * half)
        for dilation in DILATIONS:
            wide = 2 * half if dilation == 1 else half
            conv = nn.Conv2d(half, wide, 3, padding=dilation, dilation=dilation, groups=half, bias=False)
            self.add_module(f"d{dilation}", conv)
        self.bn = nn.BatchNorm2d(4 * half)
        self.pw = nn.Conv2d(4 * half, in_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        if self.variant == "paste":
            region = self.conv_3x3(x)
            views = [self.get_submodule(f"conv_3x3_d{dilation}")(region) for dilation in DILATIONS]
            mixed: Tensor = self.conv_1x1(torch.cat(views, 1))
            return x + mixed
        regions = F.relu(batch_norm(self.rr_bn, self.rr(x))).chunk(3, 1)
        views = [
            self.get_submodule(f"d{dilation}")(region) for dilation, region in zip(DILATIONS, regions, strict=True)
        ]
        mixed = self.pw(batch_norm(self.bn, torch.cat(views, 1)))
        return x + mixed


class SIR(Block):
    """Add an inverted residual without a depthwise convolution: ``out = x + pw(relu(bn(conv(x))))``."""

    info = SIR_INFO

    def __init__(self, in_channels: int, out_channels: int | None = None, *, expansion: int = 3) -> None:
        """Create the layers.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            expansion: Hidden width, as a multiple of C.

        Raises:
            BlockError: A setting does not work.
        """
        super().__init__(in_channels, out_channels, {"expansion": expansion})
        hidden = in_channels * expansion
        self.conv = nn.Conv2d(in_channels, hidden, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(hidden)
        self.pw = nn.Conv2d(hidden, in_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        y: Tensor = self.pw(F.relu(batch_norm(self.bn, self.conv(x))))
        return x + y
