"""ShuffleAttention, plainly."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from surgeon.blocks.shuffleattention import ShuffleAttention


def shuffleattention(m: ShuffleAttention, x: Tensor) -> Tensor:
    b, _, h, w = x.shape
    x = x.reshape(b * m.groups, -1, h, w)
    first, second = x.chunk(2, dim=1)
    gate = m.cweight * F.adaptive_avg_pool2d(first, 1) + m.cbias
    first = first * gate.sigmoid()
    normed = torch.group_norm(second, m.gn.num_groups, m.gn.weight, m.gn.bias, m.gn.eps)
    second = second * (m.sweight * normed + m.sbias).sigmoid()
    out = torch.cat([first, second], dim=1).reshape(b, -1, h, w)
    return out.reshape(b, 2, -1, h, w).permute(0, 2, 1, 3, 4).reshape(b, -1, h, w)
