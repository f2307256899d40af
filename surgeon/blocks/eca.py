"""ECA: one gate a channel from a short convolution over the channels' means.

Paper: ECA-Net, arXiv 1910.03151, section 3.2. Definition followed: https://github.com/BangguWu/ECANet
(MIT), ``models/eca_module.py``, whose kernel length is an argument; the paper's and timm's follows from the width.
"""

from __future__ import annotations

from torch import Tensor

from surgeon.blocks.catalog.eca import INFO, kernel_length
from surgeon.blocks.common import Block, ChannelConv1d


class ECA(Block):
    """``out = x * sigmoid(conv(mean(x)))``, the mean over the map, the convolution along the channels."""

    info = INFO

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        k_size: int | None = None,
        variant: str = "official",
        gamma: float = 2.0,
        beta: float = 1.0,
    ) -> None:
        """Create the kernel.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            k_size: Odd length of the kernel; None takes 3, or what the width gives for ``timm``.
            variant: ``official`` or ``timm`` (length from the width).
            gamma: For ``timm``, divisor of the length.
            beta: For ``timm``, added to log2(C).

        Raises:
            BlockError: A setting does not work.
        """
        given = {"k_size": k_size, "variant": variant, "gamma": gamma, "beta": beta}
        super().__init__(in_channels, out_channels, given)
        self.conv = ChannelConv1d(kernel_length(in_channels, self.settings))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        gate: Tensor = self.conv(x.mean((2, 3))).sigmoid()
        return x * gate.unsqueeze(2).unsqueeze(3)
