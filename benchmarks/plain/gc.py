"""GC, plainly."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from plain.layers import conv
from surgeon.blocks.gc import GlobalContext


def _mlp(m: GlobalContext, name: str, context: Tensor) -> Tensor:
    y = conv(m, f"{name}.fc1", context).permute(0, 2, 3, 1)
    norm = getattr(m, name).norm
    y = F.layer_norm(y, norm.normalized_shape, norm.weight, norm.bias, norm.eps).permute(0, 3, 1, 2)
    return conv(m, f"{name}.fc2", F.relu(y))


def gc(m: GlobalContext, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    if m.conv_attn is None:
        context = x.mean(dim=(2, 3), keepdim=True)
    else:
        attn = F.softmax(conv(m, "conv_attn", x).reshape(b, 1, h * w), dim=-1).unsqueeze(3)
        context = torch.matmul(x.reshape(b, c, h * w).unsqueeze(1), attn).view(b, c, 1, 1)
    out = x if m.mlp_scale is None else x * _mlp(m, "mlp_scale", context).sigmoid()
    return out if m.mlp_add is None else out + _mlp(m, "mlp_add", context)
