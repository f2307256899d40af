"""iRMB, plainly."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from plain.layers import conv
from surgeon.blocks.irmb import IRMB


def irmb(m: IRMB, x: Tensor) -> Tensor:
    shortcut, (b, c, h, w) = x, x.shape
    size, d = m.settings["window_size"], m.settings["dim_head"]
    heads = c // d
    x = F.pad(m.norm(x), (0, -w % size, 0, -h % size))
    rows, columns = x.shape[2] // size, x.shape[3] // size
    x = x.view(b, c, size, rows, size, columns).permute(0, 3, 5, 1, 2, 4).reshape(-1, c, size, size)
    q, k = (t.reshape(-1, heads, d, size**2).transpose(2, 3) for t in conv(m, "qk.conv", x).chunk(2, 1))
    v = m.v.act(conv(m, "v.conv", x)).reshape(q.shape[0], heads, -1, size**2).transpose(2, 3)
    weights = (torch.matmul(q, k.transpose(2, 3)) * d**-0.5).softmax(-1)
    x = torch.matmul(weights, v).transpose(2, 3).reshape(b, rows, columns, -1, size, size)
    x = x.permute(0, 3, 4, 1, 5, 2).reshape(b, -1, rows * size, columns * size)[:, :, :h, :w].contiguous()
    skip = m.settings["stride"] == 1 and m.in_channels == m.out_channels
    x = m.proj(x + m.conv_local(x) if skip else m.conv_local(x))
    return shortcut + x if skip else x
