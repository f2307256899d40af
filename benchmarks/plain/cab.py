"""CAB, plainly."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from plain.layers import conv
from surgeon.blocks.cab import CAB


def cab(m: CAB, x: Tensor) -> Tensor:
    x = conv(m, "cab.2", F.gelu(conv(m, "cab.0", x, padding=1)), padding=1)
    gate = F.relu(conv(m, "cab.3.attention.1", x.mean((2, 3), keepdim=True)))
    return x * conv(m, "cab.3.attention.3", gate).sigmoid()
