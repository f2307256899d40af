"""Sea attention, plainly."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from surgeon.blocks.sea import Sea


def sea(m: Sea, x: Tensor) -> Tensor:
    v = m.to_v(x)
    qkv = torch.cat([m.to_q(x), m.to_k(x), v], 1)
    row = _axis(m, qkv.mean(3), m.pos_emb_rowq.pos_embed, m.pos_emb_rowk.pos_embed).unsqueeze(3)
    column = _axis(m, qkv.mean(2), m.pos_emb_columnq.pos_embed, m.pos_emb_columnk.pos_embed).unsqueeze(2)
    gate = m.proj(v + m.proj_encode_row(row) + m.proj_encode_column(column))
    return F.relu6(gate + 3) / 6 * m.pwconv(m.act(m.dwconv(qkv)))


def _axis(m: Sea, qkv: Tensor, for_q: Tensor, for_k: Tensor) -> Tensor:
    heads, key_dim = m.settings["num_heads"], m.settings["key_dim"]
    b, length, keys = qkv.shape[0], qkv.shape[2], heads * key_dim
    q = qkv[:, :keys] + F.interpolate(for_q.view(1, keys, 16), length, mode="linear", align_corners=False)
    k = qkv[:, keys : 2 * keys] + F.interpolate(for_k.view(1, keys, 16), length, mode="linear", align_corners=False)
    q = q.view(b, heads, -1, length).permute(0, 1, 3, 2)
    v = qkv[:, 2 * keys :].reshape(b, heads, -1, length).permute(0, 1, 3, 2)
    weights = (torch.matmul(q, k.view(b, heads, -1, length)) * key_dim**-0.5).softmax(-1)
    return torch.matmul(weights, v).permute(0, 1, 3, 2).reshape(b, -1, length)
