"""NAM, plainly."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from surgeon.blocks.nam import NAM


def nam(m: NAM, x: Tensor) -> Tensor:
    bn = m.bn
    y = F.batch_norm(x, bn.running_mean, bn.running_var, bn.weight, bn.bias, m.training, 0.0, bn.eps)
    weight = bn.weight.data.abs() / bn.weight.data.abs().sum()
    y = y.permute(0, 2, 3, 1).contiguous() * weight
    return y.permute(0, 3, 1, 2).contiguous().sigmoid() * x
