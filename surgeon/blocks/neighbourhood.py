"""ACmix's neighbourhood attention with both passes by hand, for small maps on a CPU.

Tiles of 4x4 queries against the keys that any of them sees, as plain batched products: a library's fused attention
pays for its blocks with every tile, which on a small map is most of its time, and its gradient repeats the products.
The overlapping windows of keys are cut and added up again along one axis after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from surgeon.blocks.common import no_autocast

TILE = 4
#: Pixels of the largest map: 100 weights a pixel and head are kept for the backward pass, which a fused kernel is not.
LARGEST = 2048

Ordinary = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def attend(maps: Sequence[Tensor], near: Tensor, head: int, ordinary: Ordinary) -> Tensor:
    """Attend over each pixel's neighbourhood, borders reflected.

    Args:
        maps: Queries, not yet scaled, keys and values ``(B, C, H, W)``, and what is taken off the keys of every head
            ``(1, C / head, H, W)``.
        near: Which of a tile's keys each query attends to ``(TILE, TILE, side, side)``, side = TILE + 2 reach.
        head: Heads.
        ordinary: The same function of the four maps, differentiable twice.

    Returns:
        ``(B, C, H, W)``.
    """
    out: Tensor = _Neighbourhood.apply(ordinary, near, head, *maps)
    return out


class _Neighbourhood(torch.autograd.Function):
    """The two passes as one operator."""

    @staticmethod
    def forward(ctx: Any, ordinary: Ordinary, near: Tensor, head: int, *inputs: Tensor) -> Tensor:
        """Attend, and keep the weights and the tiles."""
        q, k, v, positions = inputs
        batch, channels, height, width = q.shape
        maps = (batch * head, channels // head, height, width)
        side = near.shape[2]
        keys, values = _windows((k.reshape(maps) - positions).reshape(maps), v.reshape(maps), side)
        queries = _tiles(q.reshape(maps))
        far = torch.zeros(near.shape, dtype=q.dtype).masked_fill_(near.logical_not(), float("-inf"))
        far = far.reshape(1, TILE * TILE, side * side)
        weights = torch.baddbmm(far, queries, keys.transpose(1, 2), alpha=maps[1] ** -0.5).softmax(2)
        out = torch.bmm(weights, values)
        ctx.save_for_backward(*inputs, queries, keys, values, weights, out)
        ctx.ordinary, ctx.maps, ctx.side = ordinary, maps, side
        return _from_tiles(out, maps).reshape(q.shape)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients; where they are to be differentiated in turn, those of the ordinary form."""
        *inputs, queries, keys, values, weights, out = ctx.saved_tensors
        if torch.is_grad_enabled():
            needed = ctx.needs_input_grad[3:]
            wanted = [t for t, need in zip(inputs, needed, strict=True) if need]
            found = iter(torch.autograd.grad(ctx.ordinary(*inputs), wanted, gradient, create_graph=True))
            return (None, None, None, *(next(found) if need else None for need in needed))
        scale = ctx.maps[1] ** -0.5
        with no_autocast(gradient):
            upper = _tiles(gradient.reshape(ctx.maps))
            windows = keys.new_empty(2, *keys.shape)
            torch.bmm(weights.transpose(1, 2), upper, out=windows[1])
            total = (upper * out).sum(2, keepdim=True)
            logits = torch.baddbmm(total, upper, values.transpose(1, 2), beta=-scale, alpha=scale).mul_(weights)
            torch.bmm(logits.transpose(1, 2), queries, out=windows[0])
            q = _from_tiles(torch.bmm(logits, keys), ctx.maps).reshape(gradient.shape)
            k, v = _from_windows(windows, ctx.maps, ctx.side)
            positions = k.reshape(gradient.shape[0], -1, *ctx.maps[1:]).sum((0, 1)).neg_().unsqueeze(0)
        return (None, None, None, q, k.reshape(gradient.shape), v.reshape(gradient.shape), positions)


def _tiles(t: Tensor) -> Tensor:
    """Cut ``(M, d, H, W)`` into ``(M * tiles, TILE², d)``, zeros beyond the map."""
    many, d, height, width = t.shape
    if height % TILE or width % TILE:
        t = F.pad(t, (0, -width % TILE, 0, -height % TILE))
    cut = t.reshape(many, d, t.shape[2] // TILE, TILE, t.shape[3] // TILE, TILE)
    return cut.permute(0, 2, 4, 3, 5, 1).reshape(-1, TILE * TILE, d)


def _from_tiles(tiles: Tensor, maps: tuple[int, int, int, int]) -> Tensor:
    """Join what :func:`_tiles` cut to ``maps``."""
    many, d, height, width = maps
    rows, columns = -(-height // TILE), -(-width // TILE)
    joined = tiles.reshape(many, rows, columns, TILE, TILE, d).permute(0, 5, 1, 3, 2, 4)
    return joined.reshape(many, d, rows * TILE, columns * TILE)[:, :, :height, :width]


def _windows(k: Tensor, v: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Cut both ``(M, d, H, W)`` into the ``(M * tiles, side², d)`` that each tile sees."""
    many, d, height, width = k.shape
    reach = (side - TILE) // 2
    high, wide = (-(-size // TILE) * TILE + 2 * reach for size in (height, width))
    exact = height % TILE == 0 and width % TILE == 0
    padded = (k.new_empty if exact else k.new_zeros)(2, many, high, wide, d)
    for whole, t in zip(padded, (k, v), strict=True):
        real = whole[:, : height + 2 * reach, : width + 2 * reach]
        real.copy_(F.pad(t, (reach,) * 4, mode="reflect").permute(0, 2, 3, 1))
    cut = padded.unfold(2, side, TILE).unfold(3, side, TILE).permute(0, 1, 2, 3, 5, 6, 4)
    keys, values = cut.reshape(2, -1, side * side, d)
    return keys, values


def _from_windows(windows: Tensor, maps: tuple[int, int, int, int], side: int) -> tuple[Tensor, Tensor]:
    """Add up what :func:`_windows` cut, ``(2, M * tiles, side², d)``, to two of ``maps``."""
    many, d, height, width = maps
    rows, columns = -(-height // TILE), -(-width // TILE)
    more = -(-side // TILE) - 1
    cut = windows.reshape(2 * many, rows, columns, side, side, d).transpose(2, 3)
    across = windows.new_empty(2 * many, rows, side, columns + more, TILE, d)
    down = windows.new_empty(2 * many, rows + more, TILE, columns + more, TILE, d)
    across[:, :, :, columns:].zero_()
    down[:, rows:].zero_()
    across[:, :, :, :columns].copy_(cut[:, :, :, :, :TILE])
    for start in range(TILE, side, TILE):
        first, some = start // TILE, min(TILE, side - start)
        across[:, :, :, first : first + columns, :some].add_(cut[:, :, :, :, start : start + some])
    down[:, :rows].copy_(across[:, :, :TILE])
    for start in range(TILE, side, TILE):
        first, some = start // TILE, min(TILE, side - start)
        down[:, first : first + rows, :some].add_(across[:, :, start : start + some])
    reach = (side - TILE) // 2
    real = down.reshape(2, many, (rows + more) * TILE, (columns + more) * TILE, d)
    real = real[:, :, : height + 2 * reach, : width + 2 * reach].permute(0, 1, 4, 2, 3).contiguous()
    like = windows.new_empty(1).expand(maps)
    k, v = (torch.ops.aten.reflection_pad2d_backward(t, like, (reach,) * 4) for t in real)
    return k, v
