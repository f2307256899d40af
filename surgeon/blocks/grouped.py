"""A grouped convolution whose weight gradient is matrix products, by hand.

On a CPU the library's own weight gradient of many small groups takes several times as long as its other passes. Here
each tap is a product of the moved gradient and the map, all taps and all groups at once: the moved copies take as many
times the gradient's memory as there are taps.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.grad import conv2d_input

from surgeon.blocks.common import no_autocast


def convolve(x: Tensor, weight: Tensor, groups: int) -> Tensor:
    """Convolve with stride 1, padding half a kernel and no bias.

    Args:
        x: Map ``(B, groups * m, H, W)``.
        weight: ``(groups * o, m, k, k)``, k odd.
        groups: Groups.

    Returns:
        ``(B, groups * o, H, W)``.
    """
    out: Tensor = _Grouped.apply(groups, x, weight)
    return out


def weight_gradient(x: Tensor, gradient: Tensor, kernel: int, groups: int) -> Tensor:
    """Gradient of the weights of :func:`convolve`.

    Args:
        x: What was convolved ``(B, groups * m, H, W)``.
        gradient: Of the output ``(B, groups * o, H, W)``.
        kernel: Side of the kernel, odd.
        groups: Groups.

    Returns:
        ``(groups * o, m, kernel, kernel)``.
    """
    batch, _, height, width = x.shape
    outputs, pixels = gradient.shape[1] // groups, height * width
    reach = kernel // 2
    right = x.reshape(batch * groups, -1, pixels).transpose(1, 2)
    padded = F.pad(gradient, (reach,) * 4).reshape(batch * groups, outputs, height + 2 * reach, -1)
    moved = padded.unfold(2, height, 1).unfold(3, width, 1).reshape(batch * groups, -1, pixels)
    taps = torch.bmm(moved, right).view(batch, groups * outputs, kernel, kernel, -1)
    # The map's pixel i meets tap x of the output's pixel i - x: the taps run backwards.
    return taps.sum(0).flip(1, 2).permute(0, 3, 1, 2)


class _Grouped(torch.autograd.Function):
    """The convolution as one operator."""

    @staticmethod
    def forward(ctx: Any, groups: int, x: Tensor, weight: Tensor) -> Tensor:
        """Convolve."""
        ctx.save_for_backward(x, weight)
        ctx.groups = groups
        return F.conv2d(x, weight, padding=weight.shape[2] // 2, groups=groups)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients, by steps that can be differentiated in turn."""
        x, weight = ctx.saved_tensors
        kernel, (_, of_map, of_weights) = weight.shape[2], ctx.needs_input_grad
        on_x = on_weight = None
        with no_autocast(x):
            if of_map:
                on_x = conv2d_input(  # type: ignore[no-untyped-call]
                    x.shape, weight, gradient, padding=kernel // 2, groups=ctx.groups
                )
            if of_weights:
                on_weight = weight_gradient(x, gradient, kernel, ctx.groups)
        return None, on_x, on_weight
