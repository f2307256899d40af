"""S²-attention: spatial shifts and split attention.

Paper: S²-MLPv2, arXiv 2108.01072, equations 3 to 8. No code of the authors was found; names follow the class in
circulation, without its shift in place, which smears a line over the map.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.catalog.s2 import INFO
from surgeon.blocks.common import Block, PointwiseLinear, no_autocast, one_graph, scaled, widen
from surgeon.blocks.fresh import plus_product


class S2Attention(Block):
    """Shift, weigh, add.

    ``p1, p2, p3 = mlp1(x)``; the quarters of p1 move by a pixel down, up, right, left, those of p2 right, left, down,
    up, p3 stays. ``a = softmax over the parts of split_attention(sum of all parts and pixels)``,
    ``out = mlp2(a1 p1 + a2 p2 + a3 p3)``.
    """

    info = INFO

    def __init__(self, in_channels: int, out_channels: int | None = None) -> None:
        """Create the projections.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.

        Raises:
            BlockError: The widths differ.
        """
        super().__init__(in_channels, out_channels, {})
        c = in_channels
        self.mlp1 = PointwiseLinear(c, 3 * c)
        self.mlp2 = PointwiseLinear(c, c)
        self.split_attention = _SplitAttention(c)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        first, second, third = self.mlp1(x).chunk(3, 1)
        first, second = _shift(first, down_first=True), _shift(second, down_first=False)
        with no_autocast(x):
            # A sum over all pixels, not a mean: it leaves half precision's range.
            kind = widen(first).dtype
            total = first.sum((2, 3), dtype=kind) + second.sum((2, 3), dtype=kind) + third.sum((2, 3), dtype=kind)
            hidden = F.gelu(F.linear(total, self.split_attention.mlp1.weight.to(kind)))
            logits = F.linear(hidden, self.split_attention.mlp2.weight.to(kind))
            shares = logits.reshape(-1, 3, self.in_channels, 1, 1).softmax(1).to(first.dtype)
        mixed = plus_product(scaled(first, shares[:, 0]), second, shares[:, 1])
        mixed = plus_product(mixed, third, shares[:, 2])
        out: Tensor = self.mlp2(mixed)
        return out


class _SplitAttention(nn.Module):
    """The weights that share the pixels among the parts."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mlp1 = nn.Linear(channels, channels, bias=False)
        self.mlp2 = nn.Linear(channels, 3 * channels, bias=False)


def _shift(x: Tensor, *, down_first: bool) -> Tensor:
    """Move the quarters of the channels by a pixel; border lines keep their values.

    Args:
        x: ``(B, C, H, W)``.
        down_first: Whether the quarters go down, up, right and left; else right, left, down and up.

    Returns:
        A tensor of its own.
    """
    c = x.shape[1]
    bounds = (0, c // 4, c // 2, c * 3 // 4, c)
    if torch.is_grad_enabled() or one_graph():
        moves = (_down, _up, _right, _left) if down_first else (_right, _left, _down, _up)
        quarters = zip(moves, pairwise(bounds), strict=True)
        return torch.cat([move(x[:, start:end]) for move, (start, end) in quarters], 1)
    # Without gradients over a copy: one pass over the map less.
    out = x.clone()
    i = 0 if down_first else 2
    a, b, d = bounds[i : i + 3]
    out[:, a:b, 1:], out[:, b:d, :-1] = x[:, a:b, :-1], x[:, b:d, 1:]
    a, b, d = bounds[2 - i : 5 - i]
    out[:, a:b, :, 1:], out[:, b:d, :, :-1] = x[:, a:b, :, :-1], x[:, b:d, :, 1:]
    return out


def _down(x: Tensor) -> Tensor:
    return torch.cat([x[:, :, :1], x[:, :, :-1]], 2)


def _up(x: Tensor) -> Tensor:
    return torch.cat([x[:, :, 1:], x[:, :, -1:]], 2)


def _right(x: Tensor) -> Tensor:
    return torch.cat([x[..., :1], x[..., :-1]], 3)


def _left(x: Tensor) -> Tensor:
    return torch.cat([x[..., 1:], x[..., -1:]], 3)
