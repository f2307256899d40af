"""ContextAggregation: one context vector for the whole map, let in pixel by pixel.

Paper: Learning to Aggregate Multi-Scale Context for Instance Segmentation in Remote Sensing Images, arXiv 2111.11057.
Definition followed: https://github.com/yeliudev/CATNet (commit 64775d0), ``scp.py``.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from surgeon.blocks.catalog.contextaggregation import INFO, context_width
from surgeon.blocks.common import Block
from surgeon.blocks.fresh import plus
from surgeon.blocks.softmax_pool import softmax_pool


class ContextAggregation(Block):
    """Add a context vector to each pixel.

    ``out = x + m(sum_p softmax_p(k(x)) v(x)_p) * sigmoid(a(x))``; v runs on the pooled vector.
    """

    info = INFO

    def __init__(self, in_channels: int, out_channels: int | None = None, *, reduction: int = 1) -> None:
        """Create the four 1x1 convolutions; with the authors' initialisation the block starts as the identity.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            reduction: The context has C / reduction channels, rounded down, at least one.

        Raises:
            BlockError: A setting does not work.
        """
        super().__init__(in_channels, out_channels, {"reduction": reduction})
        context = context_width(in_channels, reduction)
        self.a = nn.Conv2d(in_channels, 1, 1)
        self.k = nn.Conv2d(in_channels, 1, 1)
        self.v = nn.Conv2d(in_channels, context, 1)
        self.m = nn.Conv2d(context, in_channels, 1)
        for conv in (self.a, self.k, self.v, self.m):
            _caffe_xavier(conv)
        with torch.no_grad():
            self.m.weight.zero_()

    def behind_gate(self) -> None:
        """Draw the last convolution, which the authors set to zero, so that the gate starts to learn."""
        _caffe_xavier(self.m)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        context: Tensor = self.m(self.v(softmax_pool(x, self.k(x))))
        gate: Tensor = self.a(x).sigmoid()
        return plus(x, context * gate)


def _caffe_xavier(conv: nn.Conv2d) -> None:
    """Initialise a 1x1 convolution by Caffe2's Xavier rule: by the width of its input alone, bias 0."""
    bound = math.sqrt(3 / conv.in_channels)
    assert conv.bias is not None
    with torch.no_grad():
        conv.weight.uniform_(-bound, bound)
        conv.bias.zero_()
