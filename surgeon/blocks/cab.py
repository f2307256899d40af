"""CAB: HAT's channel attention block, the convolution branch of its HAB.

Paper: Activating More Pixels in Image Super-Resolution Transformer, arXiv 2205.04437, section 3.2. Definition followed:
https://github.com/XPixelGroup/HAT (Apache-2.0), ``hat/archs/hat_arch.py``.
"""

from __future__ import annotations

from torch import Tensor, nn

from surgeon.blocks.catalog.hat import CAB as INFO
from surgeon.blocks.common import Block


class CAB(Block):
    """``f * sigmoid(squeeze(mean(f)))`` with f two 3x3 convolutions through ``C // compress_ratio`` channels."""

    info = INFO

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        compress_ratio: int = 3,
        squeeze_factor: int = 30,
    ) -> None:
        """Create the convolutions and the gate.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            compress_ratio: The inner width is ``C // compress_ratio``.
            squeeze_factor: The gate's inner width is ``C // squeeze_factor``.

        Raises:
            BlockError: A setting does not work at this width.
        """
        settings = {"compress_ratio": compress_ratio, "squeeze_factor": squeeze_factor}
        super().__init__(in_channels, out_channels, settings)
        inner = in_channels // compress_ratio
        self.cab = nn.Sequential(
            nn.Conv2d(in_channels, inner, 3, padding=1),
            nn.GELU(),
            nn.Conv2d(inner, in_channels, 3, padding=1),
            ChannelAttention(in_channels, in_channels // squeeze_factor),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        out: Tensor = self.cab(x)
        return out


class ChannelAttention(nn.Module):
    """Scale channels by a gate from their means.

    Attributes:
        attention: Mean, 1x1 convolution, ReLU, 1x1 convolution, sigmoid.
    """

    def __init__(self, channels: int, inner: int) -> None:
        """Create the gate.

        Args:
            channels: Channels C.
            inner: Width between its two convolutions.
        """
        super().__init__()
        self.attention = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, inner, 1),
            nn.ReLU(),
            nn.Conv2d(inner, channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        gate: Tensor = self.attention(x)
        return x * gate
