"""SGE, plainly."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from surgeon.blocks.sge import SGE


def sge(m: SGE, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    x = x.reshape(b * m.groups, -1, h, w)
    t = (x * F.adaptive_avg_pool2d(x, 1)).sum(dim=1, keepdim=True).view(b * m.groups, -1)
    t = t - t.mean(dim=1, keepdim=True)
    std = (t.std(dim=1, keepdim=True) if h * w > 1 else 0 * t) + 1e-5
    t = (t / std).view(b, m.groups, h, w) * m.weight + m.bias
    return (x * t.view(b * m.groups, 1, h, w).sigmoid()).view(b, c, h, w)
