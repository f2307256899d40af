"""FLA, plainly."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from plain.layers import conv
from surgeon.blocks.fla import FLA


def fla(m: FLA, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    d, r, p = c // m.num_heads, m.sr_ratio, m.power
    tokens = x.flatten(2).transpose(1, 2)
    source = tokens
    if r > 1:
        padded = F.pad(x, (0, -w % r, 0, -h % r), mode="replicate")
        source = conv(m, "sr", padded, stride=r)
        small = source.shape[2:]
        source = F.layer_norm(source.flatten(2).transpose(1, 2), (c,), m.norm.weight, m.norm.bias)
    q = F.linear(tokens, m.q.weight, m.q.bias)
    k, v = F.linear(source, m.kv.weight, m.kv.bias).chunk(2, -1)
    if m.grid is not None:
        table = m.positional_encoding.view(1, -1, c).transpose(1, 2).reshape(1, c, *m.grid)
        table = F.interpolate(table, small if r > 1 else (h, w), mode="bilinear")
        k = k + table.flatten(2).transpose(1, 2)

    scale = F.softplus(m.scale)

    def focus(t: Tensor) -> Tensor:
        t = (t.relu() + 1e-6) / scale
        norm, t = t.norm(dim=-1, keepdim=True), t**p
        t = t / t.norm(dim=-1, keepdim=True) * norm
        return heads(t)

    def heads(t: Tensor) -> Tensor:
        return t.reshape(b, -1, m.num_heads, d).transpose(1, 2).flatten(0, 1)

    q, k, v = focus(q), focus(k), heads(v)
    n = k.shape[1]
    if m.mean_normaliser:
        z = 1 / (q @ k.mean(1, keepdim=True).transpose(1, 2) + 1e-6)
        out = q @ ((k * n**-0.5).transpose(1, 2) @ (v * n**-0.5)) * z
    else:
        z = 1 / (torch.einsum("bic,bc->bi", q, k.sum(1)) + 1e-6)
        out = torch.einsum("bic,bcd,bi->bid", q, torch.einsum("bjc,bjd->bcd", k, v), z)
    if r > 1:
        v = F.interpolate(v.transpose(1, 2), h * w, mode="linear").transpose(1, 2)
    image = v.reshape(-1, h, w, d).permute(0, 3, 1, 2)
    local = conv(m, "dwc", image, groups=d, padding=m.settings["kernel_size"] // 2)
    out = out + local.permute(0, 2, 3, 1).reshape(out.shape)
    out = out.reshape(b, m.num_heads, h * w, d).transpose(1, 2).reshape(b, h * w, c)
    if m.get_v is not None:
        image = v.reshape(b, m.num_heads, h * w, d).transpose(2, 3).reshape(b, c, h, w)
        out = out + conv(m, "get_v", image, groups=c, padding=1).flatten(2).transpose(1, 2)
    if m.proj is not None:
        out = F.linear(out, m.proj.weight, m.proj.bias)
    return out.transpose(1, 2).reshape(b, c, h, w)
