"""CoordAtt: gates along height and width, each from the means over the other axis.

Paper: Coordinate Attention, arXiv 2103.02907, equations 4 to 9. Definition followed:
https://github.com/houqb/CoordAttention (MIT), ``coordatt.py``. timm's form, without biases, is a variant.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.catalog.coordatt import INFO, hidden_width
from surgeon.blocks.common import Block, scaled


class CoordAtt(Block):
    """Both axes share one bottleneck: their means lie in one sequence of length H + W.

    ``y = hardswish(bn1(conv1([mean over W, mean over H])))``; ``out = x * sigmoid(conv_w(y[H:])) *
    sigmoid(conv_h(y[:H]))``.
    """

    info = INFO

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        reduction: int | None = None,
        variant: str = "official",
    ) -> None:
        """Create the bottleneck and the two layers behind it.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            reduction: The hidden width is C / reduction, at least 8; None takes 32 (timm: 16).
            variant: ``official`` or ``timm``.

        Raises:
            BlockError: A setting does not work.
        """
        super().__init__(in_channels, out_channels, {"reduction": reduction, "variant": variant})
        hidden, bias = hidden_width(in_channels, self.settings), variant == "official"
        self.conv1 = nn.Conv2d(in_channels, hidden, 1, bias=bias)
        self.bn1 = nn.BatchNorm2d(hidden)
        self.conv_h = nn.Conv2d(hidden, in_channels, 1, bias=bias)
        self.conv_w = nn.Conv2d(hidden, in_channels, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        height = x.shape[2]
        means = torch.cat([x.mean(3), x.mean(2)], dim=2).unsqueeze(3)
        y = F.hardswish(self._norm(self.conv1(means), x))
        across = self.conv_w(y[:, :, height:]).sigmoid().transpose(2, 3)
        down = self.conv_h(y[:, :, :height]).sigmoid()
        return scaled(x * across, down)

    def _norm(self, y: Tensor, x: Tensor) -> Tensor:
        """Normalise; a training batch of a single pixel holds one value per channel twice, which has no variance."""
        norm = self.bn1
        if self.training and x.numel() == x.shape[1] and norm.running_mean is not None:
            return F.batch_norm(y, norm.running_mean, norm.running_var, norm.weight, norm.bias, False, 0.0, norm.eps)
        out: Tensor = norm(y)
        return out
