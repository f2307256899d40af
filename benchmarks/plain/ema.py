"""EMA, plainly."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from plain.layers import conv
from surgeon.blocks.ema import EMA


def ema(m: EMA, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    groups = m.settings["factor"]
    maps = x.reshape(b * groups, c // groups, h, w)
    rows = F.adaptive_avg_pool2d(maps, (None, 1))
    columns = F.adaptive_avg_pool2d(maps, (1, None)).permute(0, 1, 3, 2)
    rows, columns = conv(m, "conv1x1", torch.cat([rows, columns], 2)).split([h, w], 2)
    gated = maps * rows.sigmoid() * columns.permute(0, 1, 3, 2).sigmoid()
    x1 = torch.group_norm(gated, c // groups, m.gn.weight, m.gn.bias, m.gn.eps)
    x2 = conv(m, "conv3x3", maps, padding=1)
    first, second = (F.adaptive_avg_pool2d(t, 1).flatten(1).softmax(1).unsqueeze(1) for t in (x1, x2))
    weights = first @ x2.flatten(2) + second @ x1.flatten(2)
    return (maps * weights.reshape(b * groups, 1, h, w).sigmoid()).reshape(b, c, h, w)
