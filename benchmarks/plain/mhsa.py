"""MHSA, plainly."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from plain.layers import conv
from surgeon.blocks.mhsa import MHSA


def mhsa(m: MHSA, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    heads, d = m.heads, c // m.heads
    q, k, v = (conv(m, name, x).view(b, heads, d, h * w) for name in ("query", "key", "value"))
    logits = torch.matmul(q.permute(0, 1, 3, 2), k)
    if m.rel_h is not None:
        th, tw = m.settings["table"]
        r = m.rel_h.view(1, heads * d, 1, tw) + m.rel_w.view(1, heads * d, th, 1)
        r = F.interpolate(r, (h, w), mode="bilinear").view(1, heads, d, h * w)
        one, other = (q, r) if m.paper else (r, q)
        logits = logits + torch.matmul(one.permute(0, 1, 3, 2), other)
    weights = (logits * d**-0.5 if m.paper else logits).softmax(-1)
    return torch.matmul(v, weights.permute(0, 1, 3, 2)).view(b, c, h, w)
