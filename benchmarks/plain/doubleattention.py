"""DoubleAttention, plainly."""

from __future__ import annotations

from torch import Tensor

from plain.layers import conv
from surgeon.blocks.doubleattention import DoubleAttention


def doubleattention(m: DoubleAttention, x: Tensor) -> Tensor:
    a, b, v = (conv(m, name, x).flatten(2) for name in ("convA", "convB", "convV"))
    batch = m.variant == "batchsoftmax"
    gathered = a @ b.softmax(0 if batch else 2).transpose(1, 2)
    out = (gathered @ v.softmax(0 if batch else 1)).reshape(x.shape[0], -1, *x.shape[2:])
    return out if m.conv_reconstruct is None else conv(m, "conv_reconstruct", out)
