"""Triplet attention: three gates, each over two of the three axes (channels, height, width).

Paper: Rotate to Attend, arXiv 2010.03045, section 3.2. Definition followed:
https://github.com/landskape-ai/triplet-attention (MIT), ``triplet_attention.py``. There each branch permutes the map,
gates it and permutes it back; here the maxima and means are taken along the axis where it lies, the gates are added,
and the map is read once.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from surgeon.blocks.catalog.tripletattention import INFO
from surgeon.blocks.common import Block, batch_norm, one_graph, peak, scaled


class TripletAttention(Block):
    """``out = x * (cw + hc + hw) / 3``, each ``sigmoid(bn(conv([max, mean])))`` over the axis that it does not name.

    With ``no_spatial`` ``out = x * (cw + hc) / 2``.
    """

    info = INFO

    def __init__(self, in_channels: int, out_channels: int | None = None, *, no_spatial: bool = False) -> None:
        """Create the gates.

        Args:
            in_channels: Channels C; the parameters do not depend on it.
            out_channels: None, or C: the block keeps its channels.
            no_spatial: Leave out the gate over height and width.

        Raises:
            BlockError: A setting does not work.
        """
        super().__init__(in_channels, out_channels, {"no_spatial": no_spatial})
        self.cw = _Gate()
        self.hc = _Gate()
        self.hw = None if no_spatial else _Gate()

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        share = 1 / 2 if self.hw is None else 1 / 3
        cw: Tensor = self.cw(torch.stack([peak(x, 2), x.mean(2)], 1)) * share  # (B, 1, C, W)
        hc: Tensor = self.hc(torch.stack([peak(x, 3), x.mean(3)], 1).transpose(2, 3)) * share  # (B, 1, H, C)
        gate = cw.transpose(1, 2) + hc.permute(0, 3, 2, 1)
        if self.hw is not None:
            hw: Tensor = self.hw(torch.cat([peak(x, 1, keepdim=True), x.mean(1, keepdim=True)], 1)) * share
            gate = gate + hw if torch.is_grad_enabled() or one_graph() else gate.add_(hw)
        return scaled(gate, x)


class _Gate(nn.Module):
    """Two planes ``(B, 2, rows, columns)`` to one in (0, 1)."""

    def __init__(self) -> None:
        """Create the convolution and its BatchNorm."""
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)
        self.bn = nn.BatchNorm2d(1, momentum=0.01)

    def forward(self, planes: Tensor) -> Tensor:
        """Map ``(B, 2, rows, columns)`` to ``(B, 1, rows, columns)``."""
        return batch_norm(self.bn, self.conv(planes)).sigmoid()
