"""CARAFE: up-sampling with a kernel for each output pixel, predicted from the input.

Paper: CARAFE: Content-Aware ReAssembly of FEatures, arXiv 1905.02188, equations 1 to 5. Definition followed: mmcv's
``CARAFEPack`` (https://github.com/open-mmlab/mmcv, Apache-2.0, ``mmcv/ops/carafe.py``), by the authors and for CUDA
only there. ``variant="paste"`` is the form that articles paste into YOLO.

The masks are never laid out at the high resolution: at each low-resolution pixel, the ``scale ** 2`` pixels that it
becomes read the same window, so one shifted map a tap serves them all.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.catalog.carafe import INFO
from surgeon.blocks.common import Block
from surgeon.blocks.conv_norm import ConvNorm, without_norms


def carafe(x: Tensor, masks: Tensor, *, kernel_size: int, group_size: int = 1, scale: int = 2) -> Tensor:
    """Reassemble a map with given kernels: the operator without the layers that predict them.

    ``out[c, Y, X] = sum_ij x[c, Y // s + i - r, X // s + j - r] * masks[(g * k + i) * k + j, Y, X]`` with
    ``r = (k - 1) / 2`` and g the group of channel c. Taps outside the map are dropped, nothing is normalised.

    Args:
        x: Map ``(B, C, H, W)``.
        masks: Kernels ``(B, k * k * group_size, scale * H, scale * W)``.
        kernel_size: Odd size k of the kernels.
        group_size: Number of groups of channels, each with a kernel of its own; divides C.
        scale: Integer factor between the two maps.

    Returns:
        Map ``(B, C, scale * H, scale * W)``.
    """
    batch, _, height, width = x.shape
    low = F.pixel_unshuffle(masks, scale).reshape(batch, group_size, kernel_size**2, scale**2, height, width)
    return _reassemble(x, low, kernel_size, scale)


class CARAFE(Block):
    """``out = carafe(x, softmax(pixel_shuffle(content_encoder(channel_compressor(x)))))``."""

    info = INFO

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        scale: int = 2,
        up_kernel: int = 5,
        up_group: int = 1,
        encoder_kernel: int = 3,
        encoder_dilation: int = 1,
        compressed_channels: int = 64,
        variant: str = "mmcv",
    ) -> None:
        """Create the two convolutions that predict the kernels.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            scale: Integer up-sampling factor.
            up_kernel: Odd size of the predicted kernels.
            up_group: Groups of channels with kernels of their own; divides C.
            encoder_kernel: Odd size of the content encoder.
            encoder_dilation: Distance between the content encoder's taps.
            compressed_channels: Width between the two convolutions.
            variant: ``mmcv`` or ``paste``, which has BatchNorm behind both convolutions and SiLU behind the first.

        Raises:
            BlockError: A setting does not work at this width.
        """
        given: dict[str, Any] = {
            "scale": scale,
            "up_kernel": up_kernel,
            "up_group": up_group,
            "encoder_kernel": encoder_kernel,
        }
        given |= {"encoder_dilation": encoder_dilation, "compressed_channels": compressed_channels, "variant": variant}
        super().__init__(in_channels, out_channels, given)
        width, kernels = compressed_channels, up_kernel**2 * up_group * scale**2
        self.variant = variant
        if variant == "paste":
            self.comp = ConvNorm(in_channels, width, activation="silu")
            self.enc = ConvNorm(width, kernels, encoder_kernel, dilation=encoder_dilation, activation="none")
            return
        padding = encoder_dilation * (encoder_kernel // 2)
        self.channel_compressor = nn.Conv2d(in_channels, width, 1)
        self.content_encoder = nn.Conv2d(width, kernels, encoder_kernel, padding=padding, dilation=encoder_dilation)
        nn.init.xavier_uniform_(self.channel_compressor.weight)
        nn.init.normal_(self.content_encoder.weight, std=0.001)
        for conv in (self.channel_compressor, self.content_encoder):
            assert conv.bias is not None
            nn.init.zeros_(conv.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, scale * H, scale * W)``."""
        paste = self.variant == "paste"
        raw = self.enc(self.comp(x)) if paste else self.content_encoder(self.channel_compressor(x))
        batch, _, height, width = x.shape
        kernel, groups, scale = (self.settings[key] for key in ("up_kernel", "up_group", "scale"))
        masks = raw.reshape(batch, groups, kernel**2, scale**2, height, width).softmax(2)
        return _reassemble(x, masks.to(x.dtype), kernel, scale)

    def fuse_block(self) -> CARAFE | None:
        """The pasted form with each BatchNorm in its convolution; mmcv's has none."""
        return without_norms(self) if self.variant == "paste" else None


def _reassemble(x: Tensor, masks: Tensor, kernel_size: int, scale: int) -> Tensor:
    """Sum shifted maps ``(B, C, H, W)``, weighted by ``masks`` ``(B, groups, k * k, scale ** 2, H, W)``."""
    batch, channels, height, width = x.shape
    groups, reach = masks.shape[1], kernel_size // 2
    padded = F.pad(x, (reach, reach, reach, reach))
    padded = padded.reshape(batch, groups, channels // groups, 1, height + 2 * reach, width + 2 * reach)
    out: Tensor | None = None
    for tap in range(kernel_size**2):
        top, left = divmod(tap, kernel_size)
        shifted = padded[..., top : top + height, left : left + width]
        weight = masks[:, :, tap].unsqueeze(2)
        out = shifted * weight if out is None else torch.addcmul(out, shifted, weight)
    assert out is not None
    return F.pixel_shuffle(out.reshape(batch, channels * scale**2, height, width), scale)
