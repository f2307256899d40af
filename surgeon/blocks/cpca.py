"""CPCA: channel attention as a prior of convolutional attention.

Paper: Channel prior convolutional attention, arXiv 2306.05196, equations 1 to 4. Definition followed:
https://github.com/Cuthbert-Huang/CPCANet (commit 550b49a, Apache-2.0), class ``RepBlock``, in which one 1x1
convolution serves three times.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.catalog.cpca import INFO, STRIPS
from surgeon.blocks.common import Block


class CPCA(Block):
    """Gate the channels, then multiply by a multi-scale convolution.

    ``t = gelu(conv(x))``, ``t = t * (sigmoid(f(mean t)) + sigmoid(f(max t)))`` with ``f = fc2(relu(fc1(.)))``;
    ``i = dconv5_5(t)``, ``s = i + sum_K dconvK_1(dconv1_K(i))`` for K in 7, 11, 21; ``out = conv(conv(s) * t)``.
    """

    info = INFO

    def __init__(self, in_channels: int, out_channels: int | None = None, *, reduction: int = 4) -> None:
        """Create both attentions.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            reduction: The channel attention's hidden width is C / reduction, rounded down.

        Raises:
            BlockError: A setting does not work at this width.
        """
        super().__init__(in_channels, out_channels, {"reduction": reduction})
        c, hidden = in_channels, in_channels // reduction
        self.ca = nn.ModuleDict({"fc1": nn.Conv2d(c, hidden, 1), "fc2": nn.Conv2d(hidden, c, 1)})
        self.dconv5_5 = nn.Conv2d(c, c, 5, padding=2, groups=c)
        for length in STRIPS:
            across, down = (1, length), (length, 1)
            self.add_module(f"dconv1_{length}", nn.Conv2d(c, c, across, padding=(0, length // 2), groups=c))
            self.add_module(f"dconv{length}_1", nn.Conv2d(c, c, down, padding=(length // 2, 0), groups=c))
        self.conv = nn.Conv2d(c, c, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        t = F.gelu(self.conv(x))
        # Means and maxima as two pixels of one map: the shared layers run once.
        pooled = torch.cat([t.mean((2, 3), keepdim=True), t.amax((2, 3), keepdim=True)], 3)
        t = t * self.ca["fc2"](F.relu(self.ca["fc1"](pooled))).sigmoid().sum(3, keepdim=True)
        base: Tensor = self.dconv5_5(t)
        scales = base
        for length in STRIPS:
            # Kept until the next one is there, and summed into a fresh map; `MSCA.forward` says why.
            strip = self.get_submodule(f"dconv1_{length}")(base)
            scales = scales + self.get_submodule(f"dconv{length}_1")(strip)
        out: Tensor = self.conv(self.conv(scales) * t)
        return out
