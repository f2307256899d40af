"""DWR and SIR, plainly."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from plain.layers import conv, norm
from surgeon.blocks.dwr import DWR, SIR


def dwr(m: DWR, x: Tensor) -> Tensor:
    if m.variant == "paste":

        def unit(name: str, y: Tensor, dilation: int) -> Tensor:
            layer = m.get_submodule(name)
            padding = dilation * (layer.conv.kernel_size[0] // 2)
            return F.silu(norm(layer.bn, conv(m, f"{name}.conv", y, padding=padding, dilation=dilation)))

        region = unit("conv_3x3", x, 1)
        return unit("conv_1x1", torch.cat([unit(f"conv_3x3_d{d}", region, d) for d in (1, 3, 5)], 1), 1) + x
    region = norm(m.rr_bn, conv(m, "rr", x, padding=1)).relu()
    half = region.shape[1] // 3
    views = [
        conv(m, f"d{d}", region[:, i * half : (i + 1) * half], padding=d, dilation=d, groups=half)
        for i, d in enumerate((1, 3, 5))
    ]
    return conv(m, "pw", norm(m.bn, torch.cat(views, 1))) + x


def sir(m: SIR, x: Tensor) -> Tensor:
    return conv(m, "pw", norm(m.bn, conv(m, "conv", x, padding=1)).relu()) + x
