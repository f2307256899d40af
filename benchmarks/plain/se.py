"""SE, plainly."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from surgeon.blocks.se import SE


def se(m: SE, x: Tensor) -> Tensor:
    b, c = x.shape[:2]
    first, last = m.fc1, m.fc2
    y = F.adaptive_avg_pool2d(x, 1).view(b, c)
    y = F.linear(F.relu(F.linear(y, first.weight, first.bias)), last.weight, last.bias)
    return x * y.sigmoid().view(b, c, 1, 1).expand_as(x)
