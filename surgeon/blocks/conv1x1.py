"""conv1x1: one linear map of the channels, the same at every pixel.

Paper: Network In Network, arXiv 1312.4400, section 3.2 (there with an activation; alone it adapts a width).
"""

from __future__ import annotations

from torch import Tensor, nn

from surgeon.blocks.catalog.conv1x1 import INFO
from surgeon.blocks.common import Block


class Conv1x1(Block):
    """``out = W x + b`` at each pixel: no BatchNorm and no activation, so it can stand before and behind anything."""

    info = INFO

    def __init__(self, in_channels: int, out_channels: int | None = None) -> None:
        """Create the convolution with PyTorch's initialisation.

        Args:
            in_channels: Channels of the input.
            out_channels: Channels of the output; None keeps them.

        Raises:
            BlockError: A width is no positive integer.
        """
        super().__init__(in_channels, out_channels, {})
        self.conv = nn.Conv2d(in_channels, self.out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C_out, H, W)``."""
        out: Tensor = self.conv(x)
        return out
