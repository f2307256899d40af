"""LSK, plainly."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from plain.layers import conv
from surgeon.blocks.lsk import LSK


def lsk(m: LSK, x: Tensor) -> Tensor:
    if m.variant == "attention":
        return conv(m, "proj_2", lsk(m.spatial_gating_unit, F.gelu(conv(m, "proj_1", x)))) + x
    c = m.in_channels
    near = conv(m, "conv0", x, padding=2, groups=c)
    far = conv(m, "conv_spatial", near, padding=9, groups=c, dilation=3)
    a1, a2 = conv(m, "conv1", near), conv(m, "conv2", far)
    both = torch.cat([a1, a2], 1)
    squeezed = torch.cat([both.mean(1, keepdim=True), both.max(1, keepdim=True)[0]], 1)
    share = conv(m, "conv_squeeze", squeezed, padding=3).sigmoid()
    return x * conv(m, "conv", a1 * share[:, 0:1] + a2 * share[:, 1:2])
