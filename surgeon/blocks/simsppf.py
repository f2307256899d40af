"""SimSPPF and SimCSPSPPF: pyramid pooling with ReLU, alone and in a cross-stage-partial frame.

Paper: YOLOv6: A Single-Stage Object Detection Framework for Industrial Applications, arXiv 2209.02976, section 2.1.2;
the cross-stage form is that of YOLOv6 v3.0, arXiv 2301.05586, section 2.1. Definition followed:
https://github.com/meituan/YOLOv6 ``yolov6/layers/common.py``. The layers of SimSPPF bear the names of SPPF's, so that
it takes over the weights of the SPPF that it replaces.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from surgeon.blocks.catalog.simsppf import CSP, INFO, hidden_width
from surgeon.blocks.common import Block
from surgeon.blocks.conv_norm import ConvNorm, without_norms


class SimSPPF(Block):
    """``out = cv2([y, p(y), p(p(y)), p(p(p(y)))])`` with ``y = cv1(x)`` and p a max pooling of stride 1."""

    info = INFO

    def __init__(
        self, in_channels: int, out_channels: int | None = None, *, kernel_size: int = 5, activation: str = "relu"
    ) -> None:
        """Create the two 1x1 convolutions.

        Args:
            in_channels: Channels of the input; half of them are pooled.
            out_channels: Channels of the output; None keeps them.
            kernel_size: Odd size of the pooling window.
            activation: ``relu``, or ``silu`` as in SPPF.

        Raises:
            BlockError: A setting does not work.
        """
        super().__init__(in_channels, out_channels, {"kernel_size": kernel_size, "activation": activation})
        hidden = max(1, in_channels // 2)
        self.cv1 = ConvNorm(in_channels, hidden, activation=activation)
        self.cv2 = ConvNorm(4 * hidden, self.out_channels, activation=activation)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, in_channels, H, W)`` to ``(B, out_channels, H, W)``."""
        out: Tensor = self.cv2(_pyramid(self.cv1(x), self.settings["kernel_size"]))
        return out

    def fuse_block(self) -> SimSPPF:
        """The same with each BatchNorm in its convolution."""
        return without_norms(self)


class SimCSPSPPF(Block):
    """``out = cv7([cv2(x), cv6(cv5(pyramid(cv4(cv3(cv1(x))))))])``, cv3 and cv6 of size 3x3, the others 1x1."""

    info = CSP

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        kernel_size: int = 5,
        expansion: float = 0.5,
        activation: str = "relu",
    ) -> None:
        """Create the seven convolutions.

        Args:
            in_channels: Channels of the input.
            out_channels: Channels of the output; None keeps them.
            kernel_size: Odd size of the pooling window.
            expansion: The hidden width is the output's times this, rounded down.
            activation: ``relu`` or ``silu``.

        Raises:
            BlockError: A setting does not work at this width.
        """
        given = {"kernel_size": kernel_size, "expansion": expansion, "activation": activation}
        super().__init__(in_channels, out_channels, given)
        c = hidden_width(self.out_channels, expansion)
        self.cv1 = ConvNorm(in_channels, c, activation=activation)
        self.cv2 = ConvNorm(in_channels, c, activation=activation)
        self.cv3 = ConvNorm(c, c, 3, activation=activation)
        self.cv4 = ConvNorm(c, c, activation=activation)
        self.cv5 = ConvNorm(4 * c, c, activation=activation)
        self.cv6 = ConvNorm(c, c, 3, activation=activation)
        self.cv7 = ConvNorm(2 * c, self.out_channels, activation=activation)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, in_channels, H, W)`` to ``(B, out_channels, H, W)``."""
        deep = self.cv5(_pyramid(self.cv4(self.cv3(self.cv1(x))), self.settings["kernel_size"]))
        deep = self.cv6(deep)  # not in one expression with the other branch: the pyramid is freed before that runs
        out: Tensor = self.cv7(torch.cat([self.cv2(x), deep], 1))
        return out

    def fuse_block(self) -> SimCSPSPPF:
        """The same with each BatchNorm in its convolution."""
        return without_norms(self)


def _pyramid(x: Tensor, kernel_size: int) -> Tensor:
    """Concatenate ``(B, C, H, W)`` and three chained max poolings of it to ``(B, 4C, H, W)``."""
    levels = [x]
    for _ in range(3):
        levels.append(F.max_pool2d(levels[-1], kernel_size, stride=1, padding=kernel_size // 2))
    return torch.cat(levels, 1)
