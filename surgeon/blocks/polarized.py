"""Polarized self-attention: a channel gate and a spatial gate.

Paper: Polarized Self-Attention, arXiv 2107.00782, equations 1 to 4. Definition followed:
https://github.com/DeLightCMU/PSA (commit 20e307a, Apache-2.0), classes ``PSA_s`` and ``PSA_p``; and the class in
circulation, which follows the paper's formulas.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.catalog.polarized import INFO, half_width, squeezed_width
from surgeon.blocks.common import Block, no_autocast, widen
from surgeon.blocks.fresh import times
from surgeon.blocks.softmax_pool import softmax_pool


class PolarizedSelfAttention(Block):
    """Gate the channels, and gate the pixels.

    With ``z`` the values averaged by a softmax over the N pixels, and ``q`` the mean of the queries:

    - ``sequential``: ``y = x * sigmoid(conv_up(z))``, ``out = y * sigmoid(q . softmax_N(values of y))``;
    - ``parallel``: ``out = x * sigmoid(conv_up(z)) + x * sigmoid(softmax_N(q . values of x))``;
    - ``paste_*``: the channel gate is ``sigmoid(layer norm(ch_wz(z)))``, the spatial one ``sigmoid(softmax(q) .
      values)``, one after the other or side by side.

    Weights are applied after averaging, and a product of a query with all values is one with the input.
    """

    info = INFO

    def __init__(self, in_channels: int, out_channels: int | None = None, *, variant: str = "sequential") -> None:
        """Create the 1x1 convolutions, named as in the class that the variant follows.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            variant: ``sequential``, ``parallel``, ``paste_sequential`` or ``paste_parallel``.

        Raises:
            BlockError: A setting does not work.
        """
        super().__init__(in_channels, out_channels, {"variant": variant})
        self.variant = variant
        c, half, squeezed = in_channels, half_width(in_channels), squeezed_width(in_channels)
        if variant.startswith("paste"):
            self.ch_wv = nn.Conv2d(c, half, 1)
            self.ch_wq = nn.Conv2d(c, 1, 1)
            self.ch_wz = nn.Conv2d(half, c, 1)
            self.ln = nn.LayerNorm(c)
            self.sp_wv = nn.Conv2d(c, half, 1)
            self.sp_wq = nn.Conv2d(c, half, 1)
            return
        self.conv_q_right = _query(c, 1)
        self.conv_v_right = _query(c, half)
        self.conv_up = nn.Conv2d(half, c, 1, bias=False) if variant == "parallel" else _Squeeze(half, squeezed, c)
        self.conv_q_left = _query(c, half)
        self.conv_v_left = _query(c, half)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        channels = self._channel_gate(x)
        mean = x.mean((2, 3), keepdim=True)
        if self.variant.endswith("parallel"):
            return times(x, channels + self._spatial_gate(x, mean))
        gated = x * channels
        return gated * self._spatial_gate(gated, mean * channels)

    def _channel_gate(self, x: Tensor) -> Tensor:
        """Gate ``(B, C, 1, 1)`` of the map's channels."""
        if self.variant.startswith("paste"):
            context: Tensor = self.ch_wz(self.ch_wv(softmax_pool(x, self.ch_wq(x))))
            context = self.ln(context.flatten(1))
            return context.sigmoid()[:, :, None, None]
        context = self.conv_up(self.conv_v_right(softmax_pool(x, self.conv_q_right(x))))
        return context.sigmoid()

    def _spatial_gate(self, x: Tensor, mean: Tensor) -> Tensor:
        """Gate ``(B, 1, H, W)`` of the map's pixels.

        Args:
            x: ``(B, C, H, W)``.
            mean: Its mean ``(B, C, 1, 1)``; the mean of a 1x1 convolution is the convolution of the mean.
        """
        if self.variant.startswith("paste"):
            query = self.sp_wq(mean).flatten(1).softmax(1)
            assert self.sp_wv.bias is not None
            offset = (query * self.sp_wv.bias).sum(1).reshape(-1, 1, 1, 1)
            gate: Tensor = (self._along(x, query, self.sp_wv) + offset).sigmoid()
            return gate.to(x.dtype)
        query = self.conv_q_left(mean).flatten(1)
        if self.variant == "parallel":
            logits = self._along(x, query, self.conv_v_left)
            return logits.flatten(2).softmax(2).sigmoid().reshape(logits.shape).to(x.dtype)
        values = self.conv_v_left(x)
        with no_autocast(x):
            weights = widen(values).flatten(2).softmax(2)
            gate = torch.bmm(widen(query).unsqueeze(1), weights).sigmoid()
        return gate.reshape(-1, 1, x.shape[2], x.shape[3]).to(x.dtype)

    def _along(self, x: Tensor, query: Tensor, values: nn.Conv2d) -> Tensor:
        """Product of ``query`` ``(B, C / 2)`` with ``values(x)`` less its bias, ``(B, 1, H, W)``."""
        with no_autocast(x):
            direction = torch.mm(widen(query), widen(values.weight).flatten(1))
            product = torch.bmm(direction.unsqueeze(1), widen(x).flatten(2))
        return product.reshape(-1, 1, x.shape[2], x.shape[3])


class _Squeeze(nn.ModuleDict):
    """1x1, LayerNorm, ReLU, 1x1 on vectors ``(B, C / 2, 1, 1)``, numbered as in the authors' sequence."""

    def __init__(self, wide: int, squeezed: int, out: int) -> None:
        super().__init__(
            {"0": nn.Conv2d(wide, squeezed, 1), "1": nn.LayerNorm(squeezed), "3": nn.Conv2d(squeezed, out, 1)}
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C / 2, 1, 1)`` to ``(B, C, 1, 1)``."""
        hidden = F.relu(self["1"](self["0"](x).flatten(1)))
        out: Tensor = self["3"](hidden[:, :, None, None])
        return out


def _query(wide: int, out: int) -> nn.Conv2d:
    """Create a 1x1 convolution without bias, initialised as the authors do: N(0, sqrt(2 / C))."""
    conv = nn.Conv2d(wide, out, 1, bias=False)
    with torch.no_grad():
        conv.weight.normal_(0, math.sqrt(2 / wide))
    return conv
