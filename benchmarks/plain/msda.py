"""MSDA, plainly."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from plain.layers import conv
from surgeon.blocks.msda import MSDA


def msda(m: MSDA, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    heads, size, steps = m.settings["num_heads"], m.settings["kernel_size"], m.settings["dilation"]
    d, share, scale = c // heads, c // len(steps), m.settings["qk_scale"] or (c // heads) ** -0.5
    outputs = []
    for i, qkv in enumerate(conv(m, "qkv", x).view(b, 3, len(steps), share, h, w).unbind(2)):
        q, k, v = qkv.unbind(1)
        reach = steps[i] * (size // 2)
        k, v = (F.unfold(t, size, steps[i], reach).view(b, share // d, d, size**2, h * w) for t in (k, v))
        q = q.reshape(b, share // d, d, 1, h * w).permute(0, 1, 4, 3, 2)
        weights = (torch.matmul(q, k.permute(0, 1, 4, 2, 3)) * scale).softmax(-1)
        out = torch.matmul(weights, v.permute(0, 1, 4, 3, 2))  # (b, heads, pixels, 1, d)
        outputs.append(out.permute(0, 1, 4, 2, 3).reshape(b, share, h, w))
    y = torch.cat(outputs, 1).permute(0, 2, 3, 1)
    return F.linear(y, m.proj.weight, m.proj.bias).permute(0, 3, 1, 2)
