"""LCT, plainly."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from surgeon.blocks.lct import LCT


def lct(m: LCT, x: Tensor) -> Tensor:
    b, c = x.shape[:2]
    y = F.adaptive_avg_pool2d(x, 1).view(b, m.groups, -1)
    mean = y.mean(dim=-1, keepdim=True)
    var = (y - mean).pow(2).mean(dim=-1, keepdim=True)
    y = ((y - mean) / torch.sqrt(var + m.eps)).view(b, c, 1, 1)
    y = m.w.view(1, -1, 1, 1) * y + m.b.view(1, -1, 1, 1)
    return x * y.sigmoid().expand_as(x)
