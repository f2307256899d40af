"""BRA: bi-level routing attention, regions that attend to the regions most like them.

Paper: BiFormer, arXiv 2303.08810, equations 3 to 8. Definition followed: https://github.com/rayleizhu/BiFormer (MIT),
``ops/bra_nchw.py``; ``legacy`` is the authors' first class, which articles paste.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.catalog.bra import INFO
from surgeon.blocks.common import Block, no_autocast, one_graph, tracing, widen
from surgeon.blocks.windows import exporting

#: Up to this many pixels times channels of a head in a region, explicit products are faster than the fused kernel
#: (measured on a CPU).
SMALL_REGION = 128


class BRA(Block):
    """Route by regions, attend by pixels.

    With q, k, v the projections of the input: each region of ``H // n_win`` x ``W // n_win`` pixels takes the ``topk``
    regions whose mean key has the largest product with its mean query; its pixels attend to all of theirs, what fills
    the last regions up included. ``out = output_linear(attention + lepe(v))``.
    """

    info = INFO

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        num_heads: int = 8,
        n_win: int = 7,
        qk_scale: float | None = None,
        topk: int = 4,
        side_dwconv: int = 3,
        variant: str = "nchw",
    ) -> None:
        """Create the projections and the depthwise convolution of the values.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            num_heads: Attention heads; divides C.
            n_win: Regions along a side.
            qk_scale: Factor on the logits; None takes ``C^-0.5``.
            topk: Regions that each region attends to.
            side_dwconv: Side of the depthwise kernel, odd.
            variant: ``nchw`` or ``legacy``.

        Raises:
            BlockError: A setting does not work at this width.
        """
        settings = {
            "num_heads": num_heads,
            "n_win": n_win,
            "qk_scale": qk_scale,
            "topk": topk,
            "side_dwconv": side_dwconv,
            "variant": variant,
        }
        super().__init__(in_channels, out_channels, settings)
        c = in_channels
        self.heads, self.n_win, self.topk, self.legacy = num_heads, n_win, topk, variant == "legacy"
        self.scale = qk_scale or c**-0.5
        self.qkv_linear = nn.Conv2d(c, 3 * c, 1)
        self.lepe = nn.Conv2d(c, c, side_dwconv, padding=side_dwconv // 2, groups=c)
        self.output_linear = nn.Conv2d(c, c, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        height, width = x.shape[2], x.shape[3]
        if self.legacy:
            n = self.n_win
            x = F.pad(x, (0, (width + n - 1) // n * n - width, 0, (height + n - 1) // n * n - height))
        qkv = self.qkv_linear(x)
        size = (_region(x.shape[2], self.n_win), _region(x.shape[3], self.n_win))
        with no_autocast(x):
            attend = self._dense if exporting() else self._routed
            out = attend(widen(qkv), self._routing_source(x, qkv), size).to(qkv.dtype)
        y: Tensor = self.output_linear(out + self.lepe(qkv[:, 2 * self.in_channels :]))
        if not self.legacy:
            return y
        if exporting():  # it cannot prove that a crop is one
            rows, columns = (torch.arange(side, device=x.device) for side in (height, width))
            return y.index_select(2, rows).index_select(3, columns)
        return y[:, :, :height, :width].contiguous()

    def _routing_source(self, x: Tensor, qkv: Tensor) -> Tensor | None:
        """What the means of query and key come from: the input where the projections are rounded, else nothing.

        A rounded product lets other regions win, and the mean of a projection is the projection of the mean.
        """
        return widen(x).detach() if qkv.dtype in {torch.float16, torch.bfloat16} else None

    def _project(self, mean: Tensor) -> Tensor:
        """Mean queries and keys ``(B, R, 2C)`` from mean inputs ``(B, R, C)``, in single precision."""
        both = slice(2 * self.in_channels)
        weight, bias = self.qkv_linear.weight.flatten(1)[both], self.qkv_linear.bias
        assert bias is not None
        return F.linear(mean, widen(weight), widen(bias[both]))

    def _routed(self, qkv: Tensor, source: Tensor | None, size: tuple[int, int]) -> Tensor:
        """Attend region by region: ``(B, 3C, H, W)`` to ``(B, C, H, W)``."""
        c, (down, across), (height, width) = self.in_channels, size, qkv.shape[2:]
        rows, columns = (height + down - 1) // down, (width + across - 1) // across
        regions, area = rows * columns, down * across

        def cut(t: Tensor, channels: int) -> Tensor:
            """Cut ``(B, K, H, W)`` into regions ``(B, R, area, K)``, zeros where they leave the map."""
            t = F.pad(t.permute(0, 2, 3, 1), (0, 0, 0, columns * across - width, 0, rows * down - height))
            t = t.reshape(-1, rows, down, columns, across, channels).transpose(2, 3)
            return t.reshape(-1, regions, area, channels)

        tokens = cut(qkv, 3 * c)
        with torch.no_grad():
            # Averages are of what lies on the map.
            real = _lengths(height, down, rows, qkv)[:, None] * _lengths(width, across, columns, qkv)
            means = tokens[..., : 2 * c] if source is None else cut(source, c)
            mean = means.sum(2) / real.reshape(-1, 1)
            mean = mean if source is None else self._project(mean)
            scores = torch.matmul(mean[..., :c], mean[..., c:].transpose(1, 2))
            if tracing():  # as many regions as asked for, whether there are so many or not
                scores = F.pad(scores, (0, self.topk), value=-torch.inf)
                chosen = scores.topk(self.topk, 2).indices
                missing = (chosen >= regions).to(qkv.dtype)
                chosen = chosen.minimum(torch.arange(regions, device=qkv.device)[-1:])
            else:
                chosen = scores.topk(min(self.topk, regions), 2).indices
            image = torch.arange(qkv.shape[0], device=qkv.device) * regions
            chosen = (chosen + image[:, None, None]).flatten()
        split = (-1, self.heads, c // self.heads)
        q = tokens[..., :c].reshape(-1, area, *split[1:]).transpose(1, 2)
        near = tokens[..., c:].reshape(-1, area, 2 * c).index_select(0, chosen).reshape(q.shape[0], -1, 2, *split[1:])
        k, v = near.permute(2, 0, 3, 1, 4).unbind()
        if tracing():
            logits = torch.matmul(q * self.scale, k.transpose(2, 3))
            hidden = missing.reshape(-1, 1, 1, self.topk, 1).expand(-1, -1, -1, -1, area).flatten(3)
            logits = logits.masked_fill(hidden > 0, -torch.inf)
            out = torch.matmul(torch.softmax(logits, 3), v)
        elif not one_graph() and area * q.shape[3] <= SMALL_REGION:
            out = torch.matmul(torch.softmax(torch.matmul(q * self.scale, k.transpose(2, 3)), 3), v)
        else:
            out = F.scaled_dot_product_attention(q, k, v, scale=self.scale)
        out = out.transpose(1, 2).reshape(-1, rows, columns, down, across, c).transpose(2, 3)
        out = out.reshape(-1, rows * down, columns * across, c)[:, :height, :width]
        return out.permute(0, 3, 1, 2)

    def _dense(self, qkv: Tensor, source: Tensor | None, size: tuple[int, int]) -> Tensor:
        """Attend as :meth:`_routed` does, by masks over all pixels: no reshape by a size, for ``torch.export``."""
        height, width = qkv.shape[2:]
        y, down_count, down_mean = _grouped(height, size[0], qkv)
        x, across_count, across_mean = _grouped(width, size[1], qkv)
        first = (y.unsqueeze(1) * width + x).reshape(-1)  # a region goes by its first pixel
        filled = size[0] * size[1] - (down_count.unsqueeze(1) * across_count).reshape(-1)
        leads = first == torch.arange(height * width, device=qkv.device)
        q, k, v = qkv.chunk(3, 1)
        means = qkv[:, : 2 * self.in_channels] if source is None else source
        # The matrices of the means are symmetric: both sides as linear layers.
        means = F.linear(F.linear(means, across_mean).transpose(2, 3), down_mean).transpose(2, 3)
        means = means.flatten(2).transpose(1, 2)
        mean_q, mean_k = (means if source is None else self._project(means)).chunk(2, 2)
        scores = torch.matmul(mean_q, mean_k.transpose(1, 2)).masked_fill(~leads, -torch.inf)
        chosen = F.pad(scores.detach(), (0, self.topk), value=-torch.inf).topk(self.topk, 2).indices
        allowed = torch.zeros_like(scores, dtype=torch.bool)
        for place in range(self.topk):
            allowed = allowed | (first == chosen[:, :, place : place + 1])
        # Zeros that fill a region up are keys of logit 0 and value 0: one key more, of logit log(how many).
        zeros = F.pad(filled * leads, (0, self.topk))[chosen].sum(2).log()
        heads = (qkv.shape[0], self.heads, self.in_channels // self.heads, height * width)
        q, k, v = (t.reshape(heads) for t in (q, k, v))
        logits = torch.matmul(q.transpose(2, 3) * self.scale, k).masked_fill(~allowed.unsqueeze(1), -torch.inf)
        more = zeros[:, None, :, None] + 0 * logits[:, :, :, :1].detach().clamp(min=0)
        weights = torch.softmax(torch.cat([logits, more], 3), 3)[:, :, :, :-1]
        return torch.matmul(v, weights.transpose(2, 3)).reshape(v.shape[0], self.in_channels, height, width)


def _region(side: int, n_win: int) -> Any:
    """Pixels of a region along a side: ``side // n_win``, at least one; a number, or what stands for it in a graph."""
    size: Any = side // n_win
    return size.clamp(min=1) if isinstance(size, Tensor) else torch.sym_max(size, 1)


def _lengths(length: int, size: int, count: int, like: Tensor) -> Tensor:
    """Pixels on the map of each of ``count`` regions along an axis ``(count,)``."""
    end = (torch.arange(count, device=like.device) + 1) * size
    last = torch.arange(length, device=like.device)[-1:] + 1
    return (size - (end - last).clamp(min=0)).to(like.dtype)


def _grouped(length: int, size: int, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Along an axis: each pixel's region by its first pixel, the region's pixels, and the matrix of its mean."""
    pixel = torch.arange(length, device=like.device)
    first = torch.div(pixel, size, rounding_mode="floor") * size
    same = (first.unsqueeze(1) == first).to(like.dtype)
    count = same.sum(1)
    return first, count, same / count
