"""CPCA, plainly."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from plain.layers import conv
from surgeon.blocks.cpca import CPCA


def cpca(m: CPCA, x: Tensor) -> Tensor:
    c = m.in_channels
    t = F.gelu(conv(m, "conv", x))
    gates = [
        conv(m, "ca.fc2", conv(m, "ca.fc1", pooled).relu()).sigmoid()
        for pooled in (F.adaptive_avg_pool2d(t, 1), F.adaptive_max_pool2d(t, 1))
    ]
    t = (gates[0] + gates[1]) * t
    base = total = conv(m, "dconv5_5", t, padding=2, groups=c)
    for k in (7, 11, 21):
        strip = conv(m, f"dconv1_{k}", base, padding=(0, k // 2), groups=c)
        total = total + conv(m, f"dconv{k}_1", strip, padding=(k // 2, 0), groups=c)
    return conv(m, "conv", conv(m, "conv", total) * t)
