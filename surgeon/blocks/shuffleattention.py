"""ShuffleAttention: channel attention on half of each group, spatial attention on the other half, then a shuffle.

Paper: SA-Net, arXiv 2102.00240, section 3. Definition followed: https://github.com/wofmanaf/SA-Net,
``models/sa_resnet.py``. All groups share one set of parameters.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.catalog.shuffleattention import INFO, pairs
from surgeon.blocks.common import Block, sigmoid_gate


class ShuffleAttention(Block):
    """In each group of 2q channels, ``a`` the first q, ``b`` the others.

    ``[a * sigmoid(cweight * mean(a) + cbias), b * sigmoid(sweight * gn(b) + sbias)]``; the halves of all channels are
    interleaved at the end. The normalisation takes each channel alone, so its scale and sweight make one factor.
    """

    info = INFO

    def __init__(self, in_channels: int, out_channels: int | None = None, *, groups: int = 64) -> None:
        """Create the parameters that the groups share.

        Args:
            in_channels: Channels C; an odd C is computed with a further channel of zeros.
            out_channels: None, or C: the block keeps its channels.
            groups: Number of groups; divides C / 2.

        Raises:
            BlockError: A setting does not work at this width.
        """
        super().__init__(in_channels, out_channels, {"groups": groups})
        self.groups = int(self.settings["groups"])
        shape = (1, pairs(in_channels) // self.groups, 1, 1)
        self.cweight = nn.Parameter(torch.zeros(shape))
        self.cbias = nn.Parameter(torch.ones(shape))
        self.sweight = nn.Parameter(torch.zeros(shape))
        self.sbias = nn.Parameter(torch.ones(shape))
        self.gn = nn.GroupNorm(shape[1], shape[1])

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        batch, _, height, width = x.shape
        odd = self.in_channels % 2
        if odd:
            x = F.pad(x, (0, 0, 0, 0, 0, 1))
        half = pairs(self.in_channels)
        groups = x.reshape(batch * self.groups, 2, half // self.groups, height, width)
        first, second = groups.unbind(1)
        gate = torch.addcmul(self.cbias, self.cweight, first.mean((2, 3), keepdim=True)).sigmoid()
        y = torch.cat([first * gate, sigmoid_gate(second, self._logits(second))], 1)
        y = y.reshape(batch, 2, half, height, width).transpose(1, 2).reshape(batch, 2 * half, height, width)
        return y[:, : self.in_channels] if odd else y

    def _logits(self, second: Tensor) -> Tensor:
        """``sweight * gn(second) + sbias`` in one pass."""
        scale, norm = self.sweight.view(-1), self.gn
        weight, bias = scale * norm.weight, torch.addcmul(self.sbias.view(-1), scale, norm.bias)
        if weight.dtype != second.dtype:
            weight, bias = weight.to(second.dtype), bias.to(second.dtype)
        return torch.group_norm(second, norm.num_groups, weight, bias, norm.eps)
