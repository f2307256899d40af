"""DRConv, plainly: every region's kernel over the whole map, then the best one at each pixel."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from plain.layers import conv
from surgeon.blocks.drconv import DRConv


class Best(torch.autograd.Function):
    """The map of the best region; backwards as if the softmax of the guide had weighted them."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, guide: Tensor) -> Tensor:
        """Select."""
        mask = torch.zeros_like(guide).scatter_(1, guide.argmax(1, keepdim=True), 1.0)
        ctx.save_for_backward(maps, guide, mask)
        return (maps * mask.unsqueeze(2)).sum(1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        """Share the gradient out."""
        maps, guide, mask = ctx.saved_tensors
        gradient = gradients[0].unsqueeze(1)
        of_mask, soft = (gradient * maps).sum(2), guide.softmax(1)
        return gradient * mask.unsqueeze(2), soft * (of_mask - (soft * of_mask).sum(1, keepdim=True))


def drconv(m: DRConv, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    r, k, o = m.regions, m.kernel_size, m.out_channels
    if m.settings["variant"] == "official":
        mixture = F.linear(x.flatten(2).mean(-1), m.routing_fc.weight, m.routing_fc.bias).sigmoid()
        kernels = F.linear(2 * mixture.view(b * r, -1) / m.settings["num_w"], m.weight).view(b * r * o, c, k, k)
        guide = conv(m, "masknet", x, stride=m.stride)
    else:
        s = conv(m, "conv_kernel.1", F.adaptive_avg_pool2d(x, k)).sigmoid()
        kernels = conv(m, "conv_kernel.3", s, groups=r).view(b * r * o, c, k, k)
    options = {"stride": m.stride, "padding": m.padding, "dilation": m.dilation}
    maps = F.conv2d(x.reshape(1, b * c, h, w), kernels, groups=b, **options)
    maps = maps.view(b, r, o, *maps.shape[2:])
    if m.settings["variant"] != "official":
        guide = conv(m, "conv_guide", x, **options)
    return Best.apply(maps, guide)
