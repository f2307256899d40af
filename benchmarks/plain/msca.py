"""MSCA, plainly."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from plain.layers import conv, norm
from surgeon.blocks.msca import MSCA


def msca(m: MSCA, x: Tensor) -> Tensor:
    c = m.in_channels
    if m.variant == "attention":
        a = total = conv(m, "conv0", x, padding=2, groups=c)
        for i, k in enumerate((7, 11, 21)):
            strip = conv(m, f"conv{i}_1", a, padding=(0, k // 2), groups=c)
            total = total + conv(m, f"conv{i}_2", strip, padding=(k // 2, 0), groups=c)
        return conv(m, "conv3", total) * x
    if m.variant == "spatial":
        return conv(m, "proj_2", msca(m.spatial_gating_unit, F.gelu(conv(m, "proj_1", x)))) + x
    x = x + m.layer_scale_1[:, None, None] * msca(m.attn, norm(m.norm1, x))
    y = conv(m, "mlp.fc1", norm(m.norm2, x))
    y = F.gelu(conv(m, "mlp.dwconv.dwconv", y, padding=1, groups=y.shape[1]))
    return x + m.layer_scale_2[:, None, None] * conv(m, "mlp.fc2", y)
