"""ECA, plainly."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from surgeon.blocks.eca import ECA


def eca(m: ECA, x: Tensor) -> Tensor:
    y = F.adaptive_avg_pool2d(x, 1).squeeze(-1).transpose(-1, -2)
    y = F.conv1d(y, m.conv.weight.view(1, 1, -1), padding=m.conv.weight.numel() // 2)
    return x * y.transpose(-1, -2).unsqueeze(-1).sigmoid().expand_as(x)
