"""SGE: each group of channels gates its pixels by their match with the group's mean vector.

Paper: Spatial Group-wise Enhance, arXiv 1905.09646, equations 1 to 5. Definition followed:
https://github.com/implus/PytorchInsight, ``classification/models/imagenet/resnet_sge.py``. The deviation is the
unbiased one, taken in at least single precision.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from surgeon.blocks.catalog.sge import INFO
from surgeon.blocks.common import Block, freedom, one_graph, widen

EPSILON = 1e-5


class SGE(Block):
    """``t = sum over the group's c of x_c * mean(x_c)``; ``out = x * sigmoid(weight * (t - mean) / (std + ε) + bias)``.

    Mean and standard deviation of t are over the map; weight and bias are one number a group.
    """

    info = INFO

    def __init__(
        self, in_channels: int, out_channels: int | None = None, *, groups: int = 64, variant: str = "official"
    ) -> None:
        """Create weight and bias.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            groups: Number of groups; divides C.
            variant: ``official`` (the bias starts at 1) or ``paste`` (0).

        Raises:
            BlockError: A setting does not work at this width.
        """
        super().__init__(in_channels, out_channels, {"groups": groups, "variant": variant})
        self.groups = int(self.settings["groups"])
        self.weight = nn.Parameter(torch.zeros(1, self.groups, 1, 1))
        self.bias = nn.Parameter(torch.full((1, self.groups, 1, 1), 1.0 if variant == "official" else 0.0))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        batch, channels, height, width = x.shape
        grouped = x.reshape(batch, self.groups, channels // self.groups, height, width)
        wide = widen(grouped)
        product = wide * wide.mean((3, 4), keepdim=True)
        match = product.sum(2)
        away = match - match.mean((2, 3), keepdim=True)
        # The norm, not std: its gradient is 0 on a flat map, and one pixel has a deviation of 0.
        deviation: Tensor = torch.linalg.vector_norm(away, dim=(2, 3), keepdim=True) / freedom(x) ** 0.5
        logits = torch.addcmul(widen(self.bias), away, widen(self.weight) / (deviation + EPSILON))
        gate = logits.sigmoid().to(x.dtype).unsqueeze(2)
        if torch.is_grad_enabled() or one_graph() or product.dtype != x.dtype:
            out = grouped * gate
        else:  # the product's memory serves again: on large maps, fresh memory costs more than the arithmetic
            out = torch.mul(grouped, gate, out=product)
        return out.reshape(batch, channels, height, width)
