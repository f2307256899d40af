"""CoordAtt, plainly."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from plain.layers import conv
from surgeon.blocks.coordatt import CoordAtt


def coordatt(m: CoordAtt, x: Tensor) -> Tensor:
    h, w = x.shape[2:]
    x_h = F.adaptive_avg_pool2d(x, (h, 1))
    x_w = F.adaptive_avg_pool2d(x, (1, w)).permute(0, 1, 3, 2)
    y = conv(m, "conv1", torch.cat([x_h, x_w], dim=2))
    y = F.batch_norm(y, m.bn1.running_mean, m.bn1.running_var, m.bn1.weight, m.bn1.bias, m.training)
    y_h, y_w = torch.split(F.hardswish(y), [h, w], dim=2)
    return x * conv(m, "conv_w", y_w.permute(0, 1, 3, 2)).sigmoid() * conv(m, "conv_h", y_h).sigmoid()
