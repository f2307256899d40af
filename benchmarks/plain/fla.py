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
    source = x
    if r > 1:
        padded = F.pad(x, (0, -w % r, 0, -h % r), mode="replicate")
        source = conv(m, "sr", padded, stride=r).permute(0, 2, 3, 1)
        source = F.layer_norm(source, (c,), m.norm.weight, m.norm.bias).permute(0, 3, 1, 2)
    q = conv(m, "q", x).flatten(2).transpose(1, 2)
    kv = conv(m, "kv", source)
    if m.grid is not None:
        table = m.positional_encoding.view(1, -1, c).transpose(1, 2).reshape(1, c, *m.grid)
        table = F.interpolate(table, kv.shape[2:], mode="bilinear")
        kv = torch.cat([kv[:, :c] + table, kv[:, c:]], 1)
    k, v = (t.flatten(2).transpose(1, 2) for t in kv.chunk(2, 1))

    def focus(t: Tensor) -> Tensor:
        t = (t.relu() + 1e-6) / F.softplus(m.scale)
        return t**p / (t**p).norm(dim=-1, keepdim=True) * t.norm(dim=-1, keepdim=True)

    q, k, v = (t.reshape(b, -1, m.num_heads, d).transpose(1, 2) for t in (focus(q), focus(k), v))
    n = k.shape[2]
    if m.mean_normaliser:
        z = 1 / (q @ k.mean(2, keepdim=True).transpose(2, 3) + 1e-6)
        out = q @ ((k * n**-0.5).transpose(2, 3) @ (v * n**-0.5)) * z
    else:
        z = 1 / (q @ k.sum(2, keepdim=True).transpose(2, 3) + 1e-6)
        out = q @ (k.transpose(2, 3) @ v) * z
    out = out.transpose(2, 3).reshape(b, c, h, w)
    v = v.transpose(2, 3).reshape(b, c, n)
    if r > 1:
        v = F.interpolate(v, h * w, mode="linear")
    v = v.reshape(b * m.num_heads, d, h, w)
    out = out + conv(m, "dwc", v, groups=d, padding=m.settings["kernel_size"] // 2).reshape(b, c, h, w)
    if m.get_v is not None:
        out = out + conv(m, "get_v", v.reshape(b, c, h, w), groups=c, padding=1)
    return out if m.proj is None else conv(m, "proj", out)
