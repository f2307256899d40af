"""CoT, plainly."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from surgeon.blocks.cot import CoT


def cot(m: CoT, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    size, k = m.settings["kernel_size"], m.key_embed(x)
    if m.settings["variant"] == "paste":
        v = m.value_embed(x).view(b, c, h * w)
        weights = m.attention_embed(torch.cat([k, x], 1)).view(b, c, size**2, h * w).mean(2)
        return k + (weights.softmax(-1) * v).view(b, c, h, w)
    sets = c // m.settings["share_planes"]
    weights = m.embed(torch.cat([x, k], 1)).view(b, 1, sets, size**2, h * w)
    near = F.unfold(m.conv1x1(x), size, padding=size // 2).view(b, -1, sets, size**2, h * w)
    y = F.silu(m.bn((near * weights).sum(3).view(b, c, h, w)))
    both = torch.stack([y, k], 2)
    shares = m.se(both.sum(2).mean((2, 3), keepdim=True)).view(b, c, 2, 1, 1).softmax(2)
    return (both * shares).sum(2)
