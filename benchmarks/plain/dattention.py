"""DAttention, plainly."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from plain.layers import conv
from surgeon.blocks.dattention import DAttention


def dattention(m: DAttention, x: Tensor) -> Tensor:
    s, (b, c, h, w) = m.settings, x.shape
    heads, g = s["n_heads"], s["n_groups"]
    d, own, weights = c // heads, heads // g, dict(m.named_parameters())
    q = conv(m, "proj_q", x)
    bias: Tensor | float = 0.0
    lepe: Tensor | float = 0.0
    if s["no_off"]:
        points = F.avg_pool2d(x, s["kv_stride"], ceil_mode=True, count_include_pad=False)
    else:
        k = s["ksize"]
        pad = 0 if k == s["kv_stride"] else k // 2
        t = q.reshape(b * g, c // g, h, w)
        if pad == 0:
            t = F.pad(t, (0, max(0, k - w), 0, max(0, k - h)))
        t = conv(m, "conv_offset.0", t, stride=s["kv_stride"], padding=pad, groups=c // g)
        t = t - t.mean(1, keepdim=True)
        t = t / (t.square().mean(1, keepdim=True) + 1e-5).sqrt()
        norm = (weights[f"conv_offset.1.norm.{name}"][:, None, None] for name in ("weight", "bias"))
        t = t * next(norm) + next(norm)
        t = conv(m, "conv_offset.3", F.gelu(t))
        hk, wk = t.shape[2:]
        y, across = torch.arange(hk, device=x.device).to(x) + 0.5, torch.arange(wk, device=x.device).to(x) + 0.5
        y, across = (2 * side / max(1, len(side) - 1) - 1 for side in (y, across))
        dy, dx = t.unbind(1)
        if s["offset_range_factor"] >= 0:
            py = y[:, None] + dy.tanh() * s["offset_range_factor"] / max(1, hk - 1)
            px = across + dx.tanh() * s["offset_range_factor"] / max(1, wk - 1)
        else:
            py, px = (y[:, None] + dy).clamp(-1, 1), (across + dx).clamp(-1, 1)
        points = F.grid_sample(x.reshape(b * g, c // g, h, w), torch.stack([px, py], 3), align_corners=True)
        points = points.reshape(b, c, hk, wk)
        if s["use_pe"] and s["dwc_pe"]:
            lepe = conv(m, "rpe_table", q, groups=c, padding=1)
        elif s["use_pe"]:
            qy = (2 * torch.arange(h, device=x.device).to(x) / max(1, h - 1) - 1).repeat_interleave(w)
            qx = (2 * torch.arange(w, device=x.device).to(x) / max(1, w - 1) - 1).repeat(h)
            wy, wx = qy[:, None] - py.reshape(b * g, 1, -1), qx[:, None] - px.reshape(b * g, 1, -1)
            if s["log_cpb"]:
                way = 4 * torch.stack([wy, wx], 3)
                way = torch.sign(way) * torch.log2(way.abs() + 1) / math.log2(8)
                hidden = F.relu(F.linear(way, weights["rpe_table.0.weight"], weights["rpe_table.0.bias"]))
                out = F.linear(hidden, weights["rpe_table.2.weight"]).permute(0, 3, 1, 2)
            else:
                th, tw = s["table"]
                table = weights["rpe_table"].view(g, own, 2 * th - 1, 2 * tw - 1).repeat(b, 1, 1, 1)
                out = F.grid_sample(table, torch.stack([wx, wy], 3) / 2, align_corners=True)
            bias = out.reshape(b, heads, h * w, -1)
    key, value = (conv(m, name, points).reshape(b, heads, d, -1) for name in ("proj_k", "proj_v"))
    logits = torch.einsum("bhcm,bhcn->bhmn", q.reshape(b, heads, d, h * w), key) * d**-0.5 + bias
    out = torch.einsum("bhmn,bhcn->bhcm", logits.softmax(3), value).reshape(b, c, h, w)
    return conv(m, "proj_out", out + lepe)
