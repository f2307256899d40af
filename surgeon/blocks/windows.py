"""Attention in windows of a map of any size.

Windows are reshaped maps, and ``torch.export`` proves each reshape for every size in its range: with one window on a
side it cannot. There every pixel gathers its window's keys instead: the same numbers, no reshape by a size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from surgeon.blocks.common import one_graph, tracing

#: What is added to the logit of a key that does not count.
MASKED = -100.0


def exporting() -> bool:
    """Whether ``torch.export`` is recording."""
    return bool(torch.compiler.is_exporting())


def gathered(q: Tensor, k: Tensor, v: Tensor, index: Sequence[Tensor], bias: Sequence[Tensor] | None = None) -> Tensor:
    """Attend from every pixel to keys that it names.

    Args:
        q: Scaled queries ``(B, heads, d, N)``.
        k: Keys ``(B, heads, d, M)``.
        v: Values ``(B, heads, e, M)``.
        index: Which keys, in parts ``(N, n)`` of int64.
        bias: What is added to the logits, ``(heads, N, n)`` for each part.

    Returns:
        ``(B, heads, e, N)``.
    """
    logits = [(q.unsqueeze(4) * k[:, :, :, part]).sum(2) for part in index]
    if bias is not None:
        logits = [part + more for part, more in zip(logits, bias, strict=True)]
    weights = torch.softmax(torch.cat(logits, 3), 3)
    out, first = torch.zeros_like(q[:, :, :1]), 0
    for part in index:
        share = weights[:, :, :, first : first + part.shape[1]]
        out = out + (share.unsqueeze(2) * v[:, :, :, part]).sum(4)
        first += part.shape[1]
    return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """The keys of each of L positions along one axis, n each.

    Attributes:
        source: Where they lie on the map ``(L, n)``, clamped to it.
        outside: Whether they lie where keys are zero and count ``(L, n)``.
        masked: Whether they lie where keys do not count ``(L, n)``.
        offset: Their part of the position table's index ``(L, n)``.
        base: Factor on that part along the height.
    """

    source: Tensor
    outside: Tensor
    masked: Tensor
    offset: Tensor
    base: int


def gathered_windows(qkv: Tensor, axes: tuple[Axis, Axis], table: Tensor, heads: int) -> Tensor:
    """Attend within windows as :func:`gathered` does, scaled by d^-0.5, with a position table.

    Args:
        qkv: ``(B, H, W, 3C)``.
        axes: Keys along the height and along the width.
        table: ``(rows, heads)``, read at ``base * offset + offset`` modulo rows.
        heads: Attention heads.

    Returns:
        ``(B, H, W, C)``.
    """
    batch, height, width, channels = qkv.shape
    d = channels // 3 // heads
    flat = F.pad(qkv.reshape(batch, height * width, channels), (0, 0, 0, 1))  # one more key, of zeros
    q, k, v = flat.reshape(batch, height * width + 1, 3, heads, d).permute(2, 0, 3, 4, 1).unbind()
    pixel = torch.arange(height * width, device=qkv.device)
    y, x = torch.div(pixel, width, rounding_mode="floor"), pixel % width
    down, across = axes
    index, bias = [], []
    for place in range(down.source.shape[1]):
        outside = down.outside[y, place, None] | across.outside[x]
        masked = (down.masked[y, place, None] | across.masked[x]) & ~outside
        index.append(torch.where(outside, height * width, down.source[y, place, None] * width + across.source[x]))
        row = (down.offset[y, place, None] * down.base + across.offset[x]) % table.shape[0]
        bias.append(table[row].permute(2, 0, 1) + MASKED * masked.to(table.dtype))
    out = gathered(q[:, :, :, :-1] * d**-0.5, k, v, index, bias)
    return out.reshape(batch, channels // 3, height, width).permute(0, 2, 3, 1)


def filled(tokens: Tensor, window: int) -> Tensor:
    """Fill ``(B, H, W, K)`` up with zeros, below and to the right, to whole windows."""
    down, across = ((size + window - 1) // window * window - size for size in tokens.shape[1:3])
    return F.pad(tokens, (0, 0, 0, across, 0, down))


def to_windows(tokens: Tensor, window: int) -> Tensor:
    """Cut ``(B, P, Q, K)`` into windows ``(B * windows, window², K)``."""
    batch, height, width, k = tokens.shape
    cut = tokens.reshape(batch, height // window, window, width // window, window, k)
    return cut.transpose(2, 3).reshape(-1, window * window, k)


def overlapping_windows(tokens: Tensor, window: int, border: int) -> Tensor:
    """Cut ``(B, P + 2 border, Q + 2 border, K)`` into ``(B * windows, (window + 2 border)², K)``, which overlap."""
    side, k = window + 2 * border, tokens.shape[3]
    if not one_graph():
        cut = tokens.unfold(1, side, window).unfold(2, side, window)
        return cut.permute(0, 1, 2, 4, 5, 3).reshape(-1, side * side, k)
    counts = []
    for dim in (1, 2):
        count = (tokens.shape[dim] - 2 * border) // window
        place = torch.arange(count, device=tokens.device)[:, None] * window
        tokens = tokens.index_select(dim, (place + torch.arange(side, device=tokens.device)).reshape(-1))
        counts.append(count)
    cut = tokens.reshape(-1, counts[0], side, counts[1], side, k)
    return cut.transpose(2, 3).reshape(-1, side * side, k)


def from_windows(windows: Tensor, height: int, width: int, window: int) -> Tensor:
    """Join ``(B * windows, heads, window², d)`` to the filled up map ``(B, P, Q, heads * d)`` of an H x W one."""
    rows, columns = (height + window - 1) // window, (width + window - 1) // window
    k = windows.shape[1] * windows.shape[3]
    cut = windows.transpose(1, 2).reshape(-1, rows, columns, window, window, k)
    return cut.transpose(2, 3).reshape(-1, rows * window, columns * window, k)


def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    """Attend within windows, scaled by d^-0.5.

    Args:
        q: Queries ``(B * windows, heads, n, d)``.
        k: Keys ``(B * windows, heads, m, d)``.
        v: Values, the same shape.
        bias: What is added to the logits ``(windows or 1, heads, n, m)``.

    Returns:
        ``(B * windows, heads, n, d)``.
    """
    if tracing():
        logits = torch.matmul(q * q.shape[3] ** -0.5, k.transpose(2, 3))
        logits = logits.reshape(-1, *bias.shape) + bias
        return torch.matmul(torch.softmax(logits, 4).flatten(0, 1), v)
    if bias.shape[0] > 1 and q.shape[0] > bias.shape[0]:
        bias = bias.repeat(q.shape[0] // bias.shape[0], 1, 1, 1)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
