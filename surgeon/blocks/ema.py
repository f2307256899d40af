"""EMA: efficient multi-scale attention with cross-spatial learning.

Paper: Efficient Multi-Scale Attention Module with Cross-Spatial Learning, arXiv 2305.13563. Definition followed:
https://github.com/YOLOonMe/EMA-attention-module (commit afc37ec). For each group X of c channels, with shared weights:
``x1 = gn(X * sigmoid(conv1x1(row means)) * sigmoid(conv1x1(column means)))``, ``x2 = conv3x3(X)``,
``w = softmax(mean x1) . x2 + softmax(mean x2) . x1`` over the channels, ``out = X * sigmoid(w)``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.catalog.ema import INFO, lean_pays
from surgeon.blocks.common import Block, one_graph
from surgeon.blocks.fresh import times
from surgeon.blocks.handwritten import unobserved


class EMA(Block):
    """Gate each group of channels by two views of it that weight each other.

    The mean of a group-normalised map with a group a channel is the normalisation's bias. So the first softmax is a
    constant, and its product with ``x2`` is one convolution with a single output channel; of ``x2`` only the mean
    remains, which follows from sums of X. On small maps the definition runs as it is written, which is faster there.
    """

    info = INFO

    def __init__(self, in_channels: int, out_channels: int | None = None, *, factor: int = 32) -> None:
        """Create the layers that all groups share.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            factor: Number of groups; divides C.

        Raises:
            BlockError: A setting does not work at this width.
        """
        super().__init__(in_channels, out_channels, {"factor": factor})
        self.width = in_channels // factor
        self.gn = nn.GroupNorm(self.width, self.width)
        self.conv1x1 = nn.Conv2d(self.width, self.width, 1)
        self.conv3x3 = nn.Conv2d(self.width, self.width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        height, width = x.shape[2], x.shape[3]
        maps = x.reshape(-1, self.width, height, width)
        columns = maps.mean(2, keepdim=True)
        rows, across = self._gates(maps.mean(3, keepdim=True), columns)
        # The function: the layer itself refuses a single pixel in training.
        one = torch.group_norm(times(across, maps * rows), self.width, self.gn.weight, self.gn.bias, self.gn.eps)
        if one_graph() or lean_pays(self.width, height, width):
            assert self.conv3x3.bias is not None
            first = self.gn.bias.softmax(0)
            kernel = (first[:, None] * self.conv3x3.weight.flatten(1)).sum(0).reshape(1, self.width, 3, 3)
            bias = (first * self.conv3x3.bias).sum().reshape(1)
            attention = F.conv2d(maps, kernel, bias, padding=1)
            mean = self._mean_of_convolution(maps, columns.squeeze(2))
        else:
            two = self.conv3x3(maps)
            weights = one.mean((2, 3)).softmax(1)
            attention = torch.bmm(weights.unsqueeze(1), two.flatten(2)).reshape(-1, 1, height, width)
            mean = two.mean((2, 3))
        second = torch.bmm(mean.softmax(1).unsqueeze(1), one.flatten(2)).reshape(-1, 1, height, width)
        return (maps * (attention + second).sigmoid()).reshape(x.shape)

    def _gates(self, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Gates of the rows ``(B, c, H, 1)`` and the columns ``(B, c, 1, W)`` from their means."""
        layer, height = self.conv1x1, rows.shape[2]
        if one_graph() or not unobserved((layer,)):
            return layer(rows).sigmoid(), layer(columns).sigmoid()
        # One small product a group: a convolution prepares for longer than it computes here.
        assert layer.bias is not None
        lines = torch.cat([rows.flatten(2), columns.flatten(2)], 2)
        weight = layer.weight.flatten(1).expand(lines.shape[0], -1, -1)
        gates = torch.baddbmm(layer.bias[:, None], weight, lines).sigmoid()
        return gates[:, :, :height, None], gates[:, :, None, height:]

    def _mean_of_convolution(self, maps: Tensor, columns: Tensor) -> Tensor:
        """Mean over the pixels of ``conv3x3(maps)``, ``(B, c)``, from the means of ``maps`` without border lines.

        Args:
            maps: ``(B, c, H, W)``.
            columns: Their means over the rows, ``(B, c, W)``.
        """
        height, width = maps.shape[2], maps.shape[3]
        top, bottom = maps[:, :, 0] / height, maps[:, :, -1] / height
        # What a kernel's upper row never reads is the map's last row, and so on.
        lines = torch.stack([columns - bottom, columns, columns - top], 2)
        mean = lines.mean(3)
        read = torch.stack([mean - lines[..., -1] / width, mean, mean - lines[..., 0] / width], 3)
        return F.linear(read.flatten(1), self.conv3x3.weight.flatten(1), self.conv3x3.bias)
