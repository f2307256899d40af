"""AIFI, plainly."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from surgeon.blocks.aifi import AIFI


def aifi(m: AIFI, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    place = _positions(m, x)
    x = x.flatten(2).permute(0, 2, 1)
    if m.settings["normalize_before"]:
        x = x + _attention(m, m.norm1(x), place)
        x = x + m.fc2(m.act(m.fc1(m.norm2(x))))
    else:
        x = m.norm1(x + _attention(m, x, place))
        x = m.norm2(x + m.fc2(m.act(m.fc1(x))))
    return x.permute(0, 2, 1).view(b, c, h, w).contiguous()


def _attention(m: AIFI, x: Tensor, place: Tensor) -> Tensor:
    b, n, c = x.shape
    heads = m.settings["num_heads"]
    weights, biases = m.ma.in_proj_weight.chunk(3), m.ma.in_proj_bias.chunk(3)
    sources = (x + place, x + place, x)
    q, k, v = (
        F.linear(source, weight, bias).view(b, n, heads, c // heads).transpose(1, 2)
        for source, weight, bias in zip(sources, weights, biases, strict=True)
    )
    out = ((q @ k.transpose(2, 3)) * (c // heads) ** -0.5).softmax(-1) @ v
    return m.ma.out_proj(out.transpose(1, 2).reshape(b, n, c))


def _positions(m: AIFI, x: Tensor) -> Tensor:
    c, h, w = x.shape[1:]
    down = torch.arange(h, dtype=x.dtype, device=x.device).view(h, 1).expand(h, w)
    across = torch.arange(w, dtype=x.dtype, device=x.device).view(1, w).expand(h, w)
    if m.settings["variant"] == "legacy":  # the pixels numbered column by column
        down = torch.arange(w, dtype=x.dtype, device=x.device).view(w, 1).expand(w, h)
        across = torch.arange(h, dtype=x.dtype, device=x.device).view(1, h).expand(w, h)
    omega = 1 / 10000 ** (torch.arange(c // 4, dtype=x.dtype, device=x.device) / (c // 4))
    y, z = (axis.reshape(-1, 1) * omega for axis in (down, across))
    return torch.cat([y.sin(), y.cos(), z.sin(), z.cos()], 1)
