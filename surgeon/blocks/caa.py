"""CAA: context anchor attention.

Paper: Poly Kernel Inception Network, arXiv 2403.06258, equations 6 to 8. Definition followed:
https://github.com/PKINet/PKINet (commit 709f68a, Apache-2.0), class ``CAA``, which returns the factor and leaves the
product to its caller.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.catalog.caa import INFO
from surgeon.blocks.common import Block
from surgeon.blocks.conv_norm import ConvNorm
from surgeon.blocks.fresh import times

WINDOW = 7  # side of the averages


class CAA(Block):
    """Multiply the input by a gate that sees far along rows and columns.

    ``factor = sigmoid(conv2(v_conv(h_conv(conv1(average 7x7 of x)))))``, ``out = x * factor``; the averages count the
    zeros beyond the border.
    """

    info = INFO

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        h_kernel_size: int = 11,
        v_kernel_size: int = 11,
        variant: str = "multiply",
    ) -> None:
        """Create the layers.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            h_kernel_size: Odd length of the horizontal strip.
            v_kernel_size: Odd length of the vertical strip.
            variant: ``multiply``, ``factor`` (the bare factor) or ``paste`` (other constants in the BatchNorms).

        Raises:
            BlockError: A setting does not work.
        """
        settings = {"h_kernel_size": h_kernel_size, "v_kernel_size": v_kernel_size, "variant": variant}
        super().__init__(in_channels, out_channels, settings)
        self.variant = variant
        c = in_channels
        self.conv1 = ConvNorm(c, c, activation="silu")
        self.h_conv = nn.Conv2d(c, c, (1, h_kernel_size), padding=(0, h_kernel_size // 2), groups=c)
        self.v_conv = nn.Conv2d(c, c, (v_kernel_size, 1), padding=(v_kernel_size // 2, 0), groups=c)
        self.conv2 = ConvNorm(c, c, activation="silu")
        if variant != "paste":
            for layer in (self.conv1, self.conv2):
                layer.bn.eps, layer.bn.momentum = 1e-3, 0.03

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        # Along one axis after the other: 14 values are read instead of 49.
        y = F.avg_pool2d(x, (1, WINDOW), stride=1, padding=(0, WINDOW // 2))
        y = F.avg_pool2d(y, (WINDOW, 1), stride=1, padding=(WINDOW // 2, 0))
        # One name for all: what has served is freed.
        y = self.conv1(y)
        y = self.h_conv(y)
        y = self.v_conv(y)
        y = self.conv2(y)
        factor = y.sigmoid()
        return factor if self.variant == "factor" else times(x, factor)
