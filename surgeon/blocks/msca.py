"""MSCA: attention from depthwise convolutions at several scales.

Paper: SegNeXt, arXiv 2209.08575, equations 1 and 2. Definition followed:
https://github.com/Visual-Attention-Network/SegNeXt (commit c87bcae, Apache-2.0), ``mscan.py``. A caveat: the attention
has no activation, so the output of the bare one grows with the square of the input.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.catalog.msca import INFO, STRIPS, hidden_width
from surgeon.blocks.common import Block, batch_norm

LAYER_SCALE = 0.01


class MSCA(Block):
    """Multiply the input by a multi-scale convolution of itself.

    ``attention``: with ``a = conv0(x)``, ``out = x * conv3(a + sum_i convi_2(convi_1(a)))``.
    ``spatial``: ``out = x + proj_2(attention(gelu(proj_1(x))))``.
    ``block``: ``y = x + layer_scale_1 * spatial(norm1(x))``, ``out = y + layer_scale_2 * mlp(norm2(y))``.
    """

    info = INFO

    def __init__(
        self, in_channels: int, out_channels: int | None = None, *, variant: str = "attention", mlp_ratio: float = 4
    ) -> None:
        """Create the strips, and what the larger variants lay around them.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            variant: ``attention``, ``spatial`` or ``block``.
            mlp_ratio: Width of the block's MLP, relative to C.

        Raises:
            BlockError: A setting does not work.
        """
        super().__init__(in_channels, out_channels, {"variant": variant, "mlp_ratio": mlp_ratio})
        self.variant = variant
        c = in_channels
        if variant == "attention":
            self.conv0 = _convolution(c, c, 5, 5, groups=c)
            for index, length in enumerate(STRIPS):
                self.add_module(f"conv{index}_1", _convolution(c, c, 1, length, groups=c))
                self.add_module(f"conv{index}_2", _convolution(c, c, length, 1, groups=c))
            self.conv3 = _convolution(c, c)
        elif variant == "spatial":
            self.proj_1 = _convolution(c, c)
            self.spatial_gating_unit = MSCA(c)
            self.proj_2 = _convolution(c, c)
        else:
            self.norm1 = nn.BatchNorm2d(c)
            self.attn = MSCA(c, variant="spatial")
            self.layer_scale_1 = nn.Parameter(torch.full((c,), LAYER_SCALE))
            self.norm2 = nn.BatchNorm2d(c)
            self.mlp = _MLP(c, hidden_width(c, mlp_ratio))
            self.layer_scale_2 = nn.Parameter(torch.full((c,), LAYER_SCALE))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        if self.variant == "attention":
            base: Tensor = self.conv0(x)
            scales = base
            for index in range(len(STRIPS)):
                # Kept until the next one is there, and summed into a fresh map: what is freed last lies on top of the
                # heap, and from 13 MB a map on glibc gives two such maps back to the system after every scale.
                strip = self.get_submodule(f"conv{index}_1")(base)
                scales = scales + self.get_submodule(f"conv{index}_2")(strip)
            out: Tensor = x * self.conv3(scales)
            return out
        if self.variant == "spatial":
            y: Tensor = self.proj_2(self.spatial_gating_unit(F.gelu(self.proj_1(x))))
            return x + y
        x = x + self.layer_scale_1.view(1, -1, 1, 1) * self.attn(batch_norm(self.norm1, x))
        out = x + self.layer_scale_2.view(1, -1, 1, 1) * self.mlp(batch_norm(self.norm2, x))
        return out


class _MLP(nn.Module):
    """1x1, depthwise 3x3, GELU, 1x1; the depthwise layer is nested as the authors name it."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = _convolution(channels, hidden)
        self.dwconv = nn.ModuleDict({"dwconv": _convolution(hidden, hidden, 3, 3, groups=hidden)})
        self.fc2 = _convolution(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        out: Tensor = self.fc2(F.gelu(self.dwconv["dwconv"](self.fc1(x))))
        return out


def _convolution(wide_in: int, wide_out: int, height: int = 1, width: int = 1, *, groups: int = 1) -> nn.Conv2d:
    """Create a convolution that keeps the map, initialised as the authors do: N(0, sqrt(2 / fan_out)), bias 0."""
    conv = nn.Conv2d(wide_in, wide_out, (height, width), padding=(height // 2, width // 2), groups=groups)
    assert conv.bias is not None
    with torch.no_grad():
        conv.weight.normal_(0, math.sqrt(2 * groups / (height * width * wide_out)))
        conv.bias.zero_()
    return conv
