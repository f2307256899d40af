"""S²-attention, plainly."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from plain.layers import conv
from surgeon.blocks.s2 import S2Attention


def s2(m: S2Attention, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    quarter = [slice(i * c // 4, (i + 1) * c // 4) for i in range(4)]
    p1, p2, p3 = conv(m, "mlp1", x).chunk(3, 1)
    y1, y2 = p1.clone(), p2.clone()
    y1[:, quarter[0], 1:] = p1[:, quarter[0], :-1]
    y1[:, quarter[1], :-1] = p1[:, quarter[1], 1:]
    y1[:, quarter[2], :, 1:] = p1[:, quarter[2], :, :-1]
    y1[:, quarter[3], :, :-1] = p1[:, quarter[3], :, 1:]
    y2[:, quarter[0], :, 1:] = p2[:, quarter[0], :, :-1]
    y2[:, quarter[1], :, :-1] = p2[:, quarter[1], :, 1:]
    y2[:, quarter[2], 1:] = p2[:, quarter[2], :-1]
    y2[:, quarter[3], :-1] = p2[:, quarter[3], 1:]
    parts = torch.stack([y1, y2, p3], 1).flatten(3)
    total = parts.sum(1).sum(2)
    hidden = F.gelu(F.linear(total, m.split_attention.mlp1.weight))
    shares = F.linear(hidden, m.split_attention.mlp2.weight).view(b, 3, c, 1).softmax(1)
    return conv(m, "mlp2", (parts * shares).sum(1).reshape(b, c, h, w))
