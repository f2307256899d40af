"""ACmix, plainly."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from plain.layers import conv
from surgeon.blocks.acmix import ACmix


def acmix(m: ACmix, x: Tensor) -> Tensor:
    b, _, h, w = x.shape
    head, d, ka, s, dil = m.head, m.head_dim, m.kernel_att, m.stride, m.dilation
    kc = m.settings["kernel_conv"]
    q, k, v = (conv(m, name, x) for name in ("conv1", "conv2", "conv3"))
    across, down = (torch.linspace(-1, 1, size, dtype=x.dtype, device=x.device) for size in (w, h))
    grid = torch.stack([across.expand(h, w), down[:, None].expand(h, w)])[None]
    pe = conv(m, "conv_p", grid)

    def near(t: Tensor) -> Tensor:
        reach = dil * (ka // 2)
        t = F.pad(t, (reach, reach, reach, reach), mode="reflect" if min(h, w) > reach else "replicate")
        return F.unfold(t, ka, dilation=dil, stride=s).view(t.shape[0], t.shape[1], ka * ka, -(-h // s), -(-w // s))

    qh = (q.view(b * head, d, h, w) * d**-0.5)[:, :, ::s, ::s]
    kh, vh = near(k.view(b * head, d, h, w)), near(v.view(b * head, d, h, w))
    logits = (qh.unsqueeze(2) * (kh + pe[:, :, ::s, ::s].unsqueeze(2) - near(pe))).sum(1)
    attention = (logits.softmax(1).unsqueeze(1) * vh).sum(2).view(b, head * d, *qh.shape[2:])
    stacked = torch.cat([t.view(b, head, d, h * w) for t in (q, k, v)], 1)
    mixed = conv(m, "fc", stacked).permute(0, 2, 1, 3).reshape(b, d * kc * kc, h, w)
    convolution = F.conv2d(mixed, m.dep_conv.weight, stride=s, padding=kc // 2, groups=d)
    return m.rate1 * attention + m.rate2 * convolution
