"""CBAM, plainly."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from plain.layers import conv
from surgeon.blocks.cbam import CBAM


def cbam(m: CBAM, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    total = 0
    for kind in m.pool_types:
        if kind == "avg":
            pooled = F.avg_pool2d(x, (h, w), stride=(h, w))
        elif kind == "max":
            pooled = F.max_pool2d(x, (h, w), stride=(h, w))
        elif kind == "lp":
            pooled = F.lp_pool2d(x, 2, (h, w), stride=(h, w))
        else:
            flat = x.view(b, c, -1)
            top = flat.max(dim=2, keepdim=True)[0]
            pooled = top + (flat - top).exp().sum(dim=2, keepdim=True).log()
        hidden = F.relu(F.linear(pooled.view(b, c), m.fc1.weight, m.fc1.bias))
        total = total + F.linear(hidden, m.fc2.weight, m.fc2.bias)
    y = x * total.sigmoid().view(b, c, 1, 1).expand_as(x)
    if not m.no_spatial:
        peak, mean = torch.max(y, 1)[0].unsqueeze(1), torch.mean(y, 1).unsqueeze(1)
        s = torch.cat((mean, peak) if m.variant == "timm" else (peak, mean), dim=1)
        s = conv(m, "conv", s, padding=m.conv.weight.shape[2] // 2)
        if m.bn is not None:
            s = F.batch_norm(s, m.bn.running_mean, m.bn.running_var, m.bn.weight, m.bn.bias, m.training)
        y = y * s.sigmoid()
    return y + x if m.variant == "xmu" else y
