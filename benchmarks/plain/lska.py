"""LSKA, plainly."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from plain.layers import conv
from surgeon.blocks.lska import LSKA


def lska(m: LSKA, x: Tensor) -> Tensor:
    if m.variant == "attention":
        y = lska(m.spatial_gating_unit, F.gelu(conv(m, "proj_1", x)))
        return x + conv(m, "proj_2", y)
    c, dilation = x.shape[1], {7: 2, 11: 2}.get(m.settings["k_size"], 3)
    near, far = m.conv0h.weight.shape[3], m.conv_spatial_h.weight.shape[3]
    reach = dilation * (far - 1) // 2
    a = conv(m, "conv0h", x, groups=c, padding=(0, near // 2))
    a = conv(m, "conv0v", a, groups=c, padding=(near // 2, 0))
    a = conv(m, "conv_spatial_h", a, groups=c, padding=(0, reach), dilation=(1, dilation))
    a = conv(m, "conv_spatial_v", a, groups=c, padding=(reach, 0), dilation=(dilation, 1))
    return x * conv(m, "conv1", a)
