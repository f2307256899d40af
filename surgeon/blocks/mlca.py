"""MLCA: channel attention of the whole map and of each cell of a grid, mixed.

Paper: Mixed local channel attention for object detection, Engineering Applications of AI 123 (2023). Definition
followed: https://github.com/wandahangFY/MLCA (commit afbeb47). With P the averages over L x L cells ``(B, C, L, L)``:
``A = (1 - w) sigmoid(conv(mean P)) + w sigmoid(conv_local(P as one sequence))``, ``out = x * stretch(A)``.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from surgeon.blocks.catalog.mlca import INFO, kernel_size
from surgeon.blocks.common import Block, ChannelConv1d, averaging, one_graph
from surgeon.blocks.fresh import times

SMALL_MAP = 1 << 13  # values below which the matrices take longer than the operator that they replace


class MLCA(Block):
    """Gate each channel by its mean over the map and over its cell.

    The attention is stretched by products with averaging matrices: several times faster than adaptive pooling to the
    map's size. In a graph both poolings are such products, so that it serves every size.
    """

    info = INFO

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        local_size: int = 5,
        gamma: float = 2,
        b: float = 1,
        local_weight: float = 0.5,
    ) -> None:
        """Create the two kernels.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            local_size: Cells L along each side of the map.
            gamma: The kernels' length is the odd number from |log2(C) + b| / gamma up.
            b: See gamma.
            local_weight: Share w of the local attention.

        Raises:
            BlockError: A setting does not work.
        """
        settings = {"local_size": local_size, "gamma": gamma, "b": b, "local_weight": local_weight}
        super().__init__(in_channels, out_channels, settings)
        self.local_size, self.local_weight = local_size, local_weight
        length = kernel_size(in_channels, gamma, b)
        self.conv = ChannelConv1d(length)
        self.conv_local = ChannelConv1d(length)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        side, height, width = self.local_size, x.shape[2], x.shape[3]
        cells = self._cells(x)
        # Cell after cell, in each its channels: the sequence that the local kernel slides over.
        sequence = cells.flatten(2).transpose(1, 2).flatten(1)
        local = self.conv_local(sequence).sigmoid().reshape(-1, side * side, self.in_channels)
        local = local.transpose(1, 2).reshape(-1, self.in_channels, side, side)
        whole = self.conv(cells.mean((2, 3))).sigmoid()[:, :, None, None]
        attention = (1 - self.local_weight) * whole + self.local_weight * local
        if not one_graph() and x.numel() < SMALL_MAP:
            return x * F.adaptive_avg_pool2d(attention, (height, width))
        down = averaging(side, height, attention)
        across = down if not one_graph() and height == width else averaging(side, width, attention)
        # Rows first: the product that makes the large map then needs no copy of it.
        rows = _along(attention.transpose(2, 3), down).transpose(2, 3)
        return times(x, _along(rows, across))

    def _cells(self, x: Tensor) -> Tensor:
        """Average ``(B, C, H, W)`` over the grid: ``(B, C, L, L)``."""
        if not one_graph():
            return F.adaptive_avg_pool2d(x, self.local_size)
        rows, columns = (averaging(size, self.local_size, x) for size in (x.shape[2], x.shape[3]))
        return _along(_along(x, columns).transpose(2, 3), rows).transpose(2, 3)


def _along(x: Tensor, matrix: Tensor) -> Tensor:
    """Apply a matrix ``(n, W)`` to the rows of ``(B, C, H, W)``, as one product: matmul would copy it a channel."""
    out = torch.mm(x.reshape(-1, x.shape[3]), matrix.t())
    return out.reshape(-1, x.shape[1], x.shape[2], matrix.shape[0])
