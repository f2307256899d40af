"""Focused linear attention at inference on a CPU, by hand, for the form that the articles plant.

The same numbers as :class:`surgeon.blocks.fla.FLA`, in fewer and cheaper steps, image by image. Queries and keys lie
channel by channel, where sums over the channels and the heads' products are cheap, and are focused in place. Values lie
pixel by pixel, as their product with the weights puts them out at no cost: a depthwise convolution of few channels a
head is up to three times as fast so, and the attention is added to what it put out.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from surgeon.blocks.products import faster, product

EPSILON = 1e-6


class Weights(NamedTuple):
    """The parameters of the block, those of its projections ``(out, in)``."""

    q: Tensor
    q_bias: Tensor
    kv: Tensor
    kv_bias: Tensor
    proj: Tensor
    proj_bias: Tensor
    dwc: Tensor
    dwc_bias: Tensor
    scale: Tensor


def infer(x: Tensor, weights: Weights, heads: int, epsilon: float) -> Tensor:
    """Run the block: projections, focusing, attention, depthwise convolution and the output's projection.

    Args:
        x: Contiguous map ``(B, C, H, W)``.
        weights: The parameters, all of the type of ``x``.
        heads: Attention heads.
        epsilon: What is added to the normaliser.

    Returns:
        ``(B, C, H, W)``.
    """
    out = torch.empty_like(x)
    for image, result in zip(x, out, strict=True):
        _infer(image, weights, heads, epsilon, result.flatten(1))
    return out


def _infer(image: Tensor, w: Weights, heads: int, epsilon: float, out: Tensor) -> None:
    """Run the block for one image ``(C, H, W)`` and write the result into ``out`` ``(C, N)``."""
    c, height, width = image.shape
    n, d, kernel = height * width, c // heads, w.dwc.shape[2]
    pixels, inverse = image.view(c, n), F.softplus(w.scale).reciprocal_().unsqueeze(1)
    # The epsilon behind the relu is in the bias: max(y + eps, eps) = relu(y) + eps.
    q = _project(w.q, w.q_bias + EPSILON, pixels)
    spare = torch.empty_like(q)
    length = _focus(q, inverse, spare)
    k = _project(w.kv[:c], w.kv_bias[:c] + EPSILON, pixels)
    k.mul_(_focus(k, inverse, spare))
    del spare
    v = torch.addmm(w.kv_bias[c:], pixels.t(), w.kv[c:].t())

    q, k = q.view(heads, d, n), k.view(heads, d, n)
    # The queries' length stands above and below the fraction: one pass over the map less.
    q.mul_(length / (torch.bmm(k.sum(2).unsqueeze(1), q).mul_(length).add_(epsilon)))
    kv = torch.bmm(k, v.view(n, heads, d).transpose(0, 1))
    # All heads share the weights. As one map of C channels, since a library fills its vectors with channels.
    weight = torch.cat((w.dwc,) * heads)
    local = v.view(1, height, width, c).permute(0, 3, 1, 2)
    local = F.conv2d(local, weight, w.dwc_bias.expand(heads, -1).reshape(c), padding=kernel // 2, groups=c)
    mixed = local.permute(0, 2, 3, 1).reshape(n, heads, d)
    mixed.transpose(0, 1).baddbmm_(q.transpose(1, 2), kv)
    _project(w.proj, w.proj_bias, mixed.view(n, c).t(), out)


def _project(weight: Tensor, bias: Tensor, pixels: Tensor, out: Tensor | None = None) -> Tensor:
    """Return ``weight @ pixels + bias`` ``(m, N)``, in ``out`` if it is given."""
    column = bias.unsqueeze(1)
    if not faster(weight, pixels):
        return torch.addmm(column, weight, pixels, out=out)
    mapped = product(weight, pixels)
    return torch.add(mapped, column, out=mapped if out is None else out)


def _focus(t: Tensor, inverse: Tensor, spare: Tensor) -> Tensor:
    """Sharpen ``(C, N)`` in place.

    Args:
        t: Projections with epsilon; then ``t³ / |t|²`` of what was divided by the scale. That is as large as t: the
            bare cube of a dead pixel would underflow.
        inverse: One over the scale ``(C, 1)``.
        spare: Memory to work in, the shape of ``t``.

    Returns:
        What each pixel is still to be multiplied with ``(1, N)``.
    """
    t.clamp_min_(EPSILON).mul_(inverse)
    squares = torch.mul(t, t, out=spare).sum(0, keepdim=True)
    t.mul_(spare.mul_(squares.reciprocal()))
    return squares.div_(torch.mul(t, t, out=spare).sum(0, keepdim=True)).sqrt_()
