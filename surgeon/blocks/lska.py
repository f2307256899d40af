"""LSKA: large-kernel attention from separable depthwise strips.

Paper: Large Separable Kernel Attention, arXiv 2309.01439, figure 2d. Definition followed:
https://github.com/StevenLauHKHK/Large-Separable-Kernel-Attention (Apache-2.0), ``models/van.py``. ``bare`` is the
kernel that articles paste into YOLO; ``attention`` is VAN's block around it. A caveat: the gate has no activation, so
the output grows with the square of the input.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.catalog.lska import INFO, KERNELS
from surgeon.blocks.common import Block


class LSKA(Block):
    """Multiply the input by a large separable convolution of itself.

    ``bare``: ``out = x * conv1(conv_spatial_v(conv_spatial_h(conv0v(conv0h(x)))))``.
    ``attention``: ``out = x + proj_2(LSKA(gelu(proj_1(x))))``.
    """

    info = INFO

    def __init__(
        self, in_channels: int, out_channels: int | None = None, *, k_size: int = 7, variant: str = "bare"
    ) -> None:
        """Create the strips, and VAN's projections for ``variant="attention"``.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            k_size: Size of the kernel that the strips compose: 7, 11, 23, 35, 41 or 53.
            variant: ``bare`` or ``attention``.

        Raises:
            BlockError: A setting does not work.
        """
        super().__init__(in_channels, out_channels, {"k_size": k_size, "variant": variant})
        self.variant = variant
        if variant == "attention":
            self.proj_1 = nn.Conv2d(in_channels, in_channels, 1)
            self.spatial_gating_unit = LSKA(in_channels, k_size=k_size)
            self.proj_2 = nn.Conv2d(in_channels, in_channels, 1)
            _van_init(self.proj_1)
            _van_init(self.proj_2)
            return
        near, far, dilation = KERNELS[k_size]
        self.conv0h = _strip(in_channels, 1, near)
        self.conv0v = _strip(in_channels, near, 1)
        self.conv_spatial_h = _strip(in_channels, 1, far, dilation)
        self.conv_spatial_v = _strip(in_channels, far, 1, dilation)
        self.conv1 = nn.Conv2d(in_channels, in_channels, 1)
        _van_init(self.conv1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        if self.variant == "attention":
            y: Tensor = self.proj_2(self.spatial_gating_unit(F.gelu(self.proj_1(x))))
            return x + y
        # One expression: no map is kept longer than it is needed.
        out: Tensor = x * self.conv1(self.conv_spatial_v(self.conv_spatial_h(self.conv0v(self.conv0h(x)))))
        return out


def _strip(channels: int, height: int, width: int, dilation: int = 1) -> nn.Conv2d:
    """Create a depthwise ``height`` x ``width`` strip that keeps the map size."""
    padding = (dilation * (height - 1) // 2, dilation * (width - 1) // 2)
    conv = nn.Conv2d(
        channels, channels, (height, width), padding=padding, dilation=_along(height, width, dilation), groups=channels
    )
    _van_init(conv)
    return conv


def _along(height: int, width: int, dilation: int) -> tuple[int, int]:
    """Dilate only the long side."""
    return (dilation if height > 1 else 1, dilation if width > 1 else 1)


def _van_init(conv: nn.Conv2d) -> None:
    """Initialise as VAN does: weights from N(0, sqrt(2 / fan_out)), bias 0."""
    fan_out = conv.kernel_size[0] * conv.kernel_size[1] * conv.out_channels // conv.groups
    with torch.no_grad():
        conv.weight.normal_(0, math.sqrt(2.0 / fan_out))
        if conv.bias is not None:
            conv.bias.zero_()
