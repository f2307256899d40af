"""HAB and OCAB, plainly: on tokens, as published, every mask and index made from the padded map."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from plain.cab import cab
from surgeon.blocks.hat import HAB, OCAB


def hab(m: HAB, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    size, shift, heads = m.settings["window_size"], m.settings["shift_size"], m.settings["num_heads"]
    tokens = x.permute(0, 2, 3, 1)
    n = m.norm1(tokens)
    local = cab(m.conv_block, n.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    padded = F.pad(n, (0, 0, 0, -w % size, 0, -h % size))
    rolled = torch.roll(padded, (-shift, -shift), (1, 2))
    windows = _windows(rolled, size)
    qkv = F.linear(windows, m.attn.qkv.weight, m.attn.qkv.bias).view(-1, size**2, 3, heads, c // heads)
    q, k, v = qkv.permute(2, 0, 3, 1, 4)
    logits = (q * (c // heads) ** -0.5) @ k.transpose(2, 3)
    table = m.attn.relative_position_bias_table
    place = torch.arange(size**2, device=x.device)
    y, z = place // size, place % size
    row = (y[:, None] - y + size - 1) * (2 * size - 1) + z[:, None] - z + size - 1
    logits = logits + table[row].permute(2, 0, 1)
    region = torch.zeros(1, *rolled.shape[1:3], 1, device=x.device)
    if shift:
        cuts = (slice(0, -size), slice(-size, -shift), slice(-shift, None))
        for i, rows in enumerate(cuts):
            for j, columns in enumerate(cuts):
                region[:, rows, columns] = 3 * i + j
    real = F.pad(torch.ones(1, h, w, 1, device=x.device), (0, 0, 0, -w % size, 0, -h % size))
    real = _windows(torch.roll(real, (-shift, -shift), (1, 2)), size).squeeze(2)
    region = _windows(region, size).squeeze(2)
    mask = (region[:, :, None] != region[:, None, :]) | (real[:, None, :] == 0)
    mask = torch.zeros(mask.shape, dtype=x.dtype, device=x.device).masked_fill(mask, -100.0)
    logits = logits.view(b, -1, heads, size**2, size**2) + mask[:, None]
    a = (logits.view(-1, heads, size**2, size**2).softmax(-1) @ v).transpose(1, 2).reshape(-1, size**2, c)
    a = F.linear(a, m.attn.proj.weight, m.attn.proj.bias).view(
        b, *(s // size for s in rolled.shape[1:3]), size, size, c
    )
    a = torch.roll(a.permute(0, 1, 3, 2, 4, 5).reshape(rolled.shape), (shift, shift), (1, 2))[:, :h, :w]
    tokens = tokens + a + m.settings["conv_scale"] * local
    return (tokens + m.mlp(m.norm2(tokens))).permute(0, 3, 1, 2)


def ocab(m: OCAB, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    size, heads = m.settings["window_size"], m.settings["num_heads"]
    border = int(size * m.settings["overlap_ratio"]) // 2
    side, base = size + 2 * border, 2 * size + 2 * border - 1
    tokens = x.permute(0, 2, 3, 1)
    fill = (0, -w % size, 0, -h % size)
    padded = F.pad(m.norm1(tokens).permute(0, 3, 1, 2), fill)
    q, k, v = F.linear(padded.permute(0, 2, 3, 1), m.qkv.weight, m.qkv.bias).chunk(3, 3)
    q = _windows(q, size).view(-1, size**2, heads, c // heads).transpose(1, 2)

    def around(t: Tensor) -> Tensor:
        """Windows of side**2 keys: (b * windows, channels, side**2)."""
        cut = F.unfold(t, side, stride=size, padding=border)
        return cut.view(t.shape[0], t.shape[1], side**2, -1).permute(0, 3, 1, 2).reshape(-1, t.shape[1], side**2)

    k, v = (around(t.permute(0, 3, 1, 2)).view(-1, heads, c // heads, side**2) for t in (k, v))
    logits = (q * (c // heads) ** -0.5) @ k
    own, other = torch.arange(size**2, device=x.device), torch.arange(side**2, device=x.device)
    y = other // side - (own // size)[:, None] + size - side + 1
    z = other % side - (own % size)[:, None] + size - side + 1
    logits = logits + m.relative_position_bias_table[(y * base + z) % base**2].permute(2, 0, 1)
    hidden = around(1 - F.pad(torch.ones(1, 1, h, w, dtype=x.dtype, device=x.device), fill)) if any(fill) else None
    if hidden is not None:
        rows = logits.view(b, -1, heads, size**2, side**2)
        logits = (rows - 100 * hidden[:, None]).view(logits.shape)
    a = (logits.softmax(-1) @ v.transpose(2, 3)).transpose(1, 2).reshape(-1, size**2, c)
    a = F.linear(a, m.proj.weight, m.proj.bias).view(b, *(s // size for s in padded.shape[2:]), size, size, c)
    a = a.permute(0, 1, 3, 2, 4, 5).reshape(b, *padded.shape[2:], c)[:, :h, :w]
    tokens = tokens + a
    return (tokens + m.mlp(m.norm2(tokens))).permute(0, 3, 1, 2)


def _windows(t: Tensor, size: int) -> Tensor:
    b, h, w, c = t.shape
    t = t.reshape(b, h // size, size, w // size, size, c)
    return t.permute(0, 1, 3, 2, 4, 5).reshape(-1, size**2, c)
