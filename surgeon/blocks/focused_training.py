"""Focused linear attention in training on a CPU, both passes by hand, for the form that the articles plant.

The same numbers as :class:`surgeon.blocks.fla.FLA`, in fewer and cheaper steps: queries and keys are focused together
in one piece of memory, sum and weighted sum of the keys are one product, and the backward pass needs neither powers
nor the library's slow weight gradient of a depthwise convolution. With ``u = relu(.) + 1e-6`` and ``t = u /
softplus(scale)``, the focused ``f = |t| t³ / |t³|`` has the gradient ``3 (f / t) (g - (g·f / t·t) f) + (g·f / t·t) t``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from surgeon.blocks.common import no_autocast
from surgeon.blocks.depthwise import weight_gradient
from surgeon.blocks.focused import EPSILON, Weights


def train(x: Tensor, weights: Weights, heads: int, epsilon: float) -> Tensor:
    """Run the block so that gradients flow back: as :func:`surgeon.blocks.focused.infer`, the arguments too."""
    out: Tensor = _Focused.apply(heads, epsilon, x, *weights)
    return out


def definition(x: Tensor, weights: Weights, heads: int, epsilon: float) -> Tensor:
    """The same as :func:`train`, step by step: what a derivative of the gradient goes through."""
    maps, d = x.flatten(2), weights.dwc.shape[0]
    q = torch.matmul(weights.q, maps) + weights.q_bias.unsqueeze(1)
    k, v = (torch.matmul(weights.kv, maps) + weights.kv_bias.unsqueeze(1)).chunk(2, 1)
    scale = F.softplus(weights.scale).unsqueeze(1)

    def focus(t: Tensor) -> Tensor:
        t = (F.relu(t) + EPSILON) / scale
        length = (t * t).sum(1, keepdim=True).sqrt()
        sharp = (t / length) ** 3
        return sharp * (length / (sharp * sharp).sum(1, keepdim=True).sqrt())

    q, k, v = (t.reshape(t.shape[0], heads, d, -1) for t in (focus(q), focus(k), v))
    kv, total = torch.matmul(v, k.transpose(2, 3)), k.sum(3).unsqueeze(2)
    out = torch.matmul(kv, q) / (torch.matmul(total, q) + epsilon)
    out = (out + _shared(v, x.shape[2], weights.dwc, weights.dwc_bias)).reshape(x.shape)
    return (torch.matmul(weights.proj, out.flatten(2)) + weights.proj_bias.unsqueeze(1)).reshape(x.shape)


class _Kept(NamedTuple):
    """What the backward pass reads: of queries and keys ``(2, B, C, N)``, the rest ``(B, heads or 1, ., N)``."""

    t: Tensor
    squares: Tensor
    focused: Tensor
    v: Tensor
    kv: Tensor
    z: Tensor
    attended: Tensor
    mixed: Tensor


def _forward(x: Tensor, w: Weights, heads: int, epsilon: float) -> tuple[Tensor, _Kept]:
    """Run the block."""
    batch, c, height, width = x.shape
    n, d = height * width, c // heads
    tokens = x.reshape(batch, c, n)
    joint = x.new_empty(3, batch, c, n)
    # The epsilon behind the relu is in the bias: max(y + eps, eps) = relu(y) + eps.
    _project(w.q, w.q_bias + EPSILON, tokens, joint[0])
    _project(w.kv[:c], w.kv_bias[:c] + EPSILON, tokens, joint[1])
    _project(w.kv[c:], w.kv_bias[c:], tokens, joint[2])
    t, v = joint[:2], joint[2].view(batch, heads, d, n)
    t.clamp_min_(EPSILON).mul_((1 / F.softplus(w.scale)).unsqueeze(1))
    spare = t * t
    squares = spare.sum(2, keepdim=True)
    spare.mul_(1 / squares)
    # t³ / |t|², which is as large as t: the bare cube of a dead pixel would underflow.
    focused = spare.mul_(t)
    focused.mul_((squares / (focused * focused).sum(2, keepdim=True)).sqrt_())
    q, k = focused.view(2, batch, heads, d, n)
    # The keys' sum is one more row of the values' weighted sums.
    kv = torch.cat([_product(v, k.transpose(2, 3)), k.sum(3).unsqueeze(2)], 2)
    product = _product(kv, q)
    z = 1 / (product[:, :, d:] + epsilon)
    attended = product[:, :, :d].mul_(z)
    mixed = _shared(v, height, w.dwc, w.dwc_bias).add_(attended).view(batch, c, n)
    out = torch.empty_like(tokens)
    _project(w.proj, w.proj_bias, mixed, out)
    return out.view(x.shape), _Kept(t, squares, focused, v, kv, z, attended, mixed)


def _backward(x: Tensor, w: Weights, kept: _Kept, gradient: Tensor) -> tuple[Tensor, Weights]:
    """Gradients of the map and of the parameters for ``gradient`` ``(B, C, H, W)`` of the output."""
    batch, c, height, width = x.shape
    _, _, d, n = kept.v.shape
    tokens, gradient = x.reshape(batch, c, n), gradient.reshape(batch, c, n)
    mixed = torch.matmul(w.proj.t(), gradient)
    by_head = mixed.view(kept.v.shape)

    maps = (-1, d, height, width)
    dwc = weight_gradient(kept.v.view(maps), mixed.view(maps), w.dwc.shape[2])
    v = _shared(by_head, height, w.dwc.flip(2, 3), None)

    # Of numerator and denominator: the last row belongs to the keys' sum.
    below = kept.z.new_empty(*kept.v.shape[:2], d + 1, n)
    torch.mul(by_head, kept.z, out=below[:, :, :d])
    torch.mul((by_head * kept.attended).sum(2, keepdim=True), kept.z, out=below[:, :, d:]).neg_()
    queries, keys = kept.focused.view(2, *kept.v.shape)
    kv = _product(below, queries.transpose(2, 3))
    v.flatten(0, 1).baddbmm_(kv[:, :, :d].flatten(0, 1), keys.flatten(0, 1))
    g = torch.empty_like(kept.focused)
    torch.bmm(kept.kv.transpose(2, 3).flatten(0, 1), below.flatten(0, 1), out=g[0].view(-1, d, n))
    weighted = kv.transpose(2, 3).flatten(0, 1)
    torch.baddbmm(weighted[:, :, d:], weighted[:, :, :d], kept.v.flatten(0, 1), out=g[1].view(-1, d, n))

    # Through the focusing, the formula of this file's docstring.
    slope = (g * kept.focused).sum(2, keepdim=True).div_(kept.squares)
    g.addcmul_(kept.focused, slope, value=-1)
    t = torch.mul(kept.t, slope).addcmul_(g, kept.focused / kept.t, value=3)
    scale = F.softplus(w.scale)
    along = torch.mul(t, kept.t, out=g).sum((0, 1, 3))
    inverse = (1 / scale).unsqueeze(1)
    # As the forward pass rounds it, a dead value is the smallest that there is.
    t.mul_(torch.gt(kept.t, EPSILON * inverse, out=g).mul_(inverse))

    grads = (t[0], t[1], v.view(batch, c, n))
    matrices = (w.q, w.kv[:c], w.kv[c:])
    first = torch.matmul(w.q.t(), t[0])
    for matrix, own in zip(matrices[1:], grads[1:], strict=True):
        first.baddbmm_(matrix.t().expand(batch, -1, -1), own)
    q, k, values = (_outer(own, tokens) for own in grads)
    biases = [own.sum((0, 2)) for own in grads]
    return first.view(x.shape), Weights(
        q=q,
        q_bias=biases[0],
        kv=torch.cat([k, values]),
        kv_bias=torch.cat(biases[1:]),
        scale=-along / scale * torch.sigmoid(w.scale),
        dwc=dwc,
        dwc_bias=mixed.view(maps).sum((0, 2, 3)),
        proj=_outer(gradient, kept.mixed),
        proj_bias=gradient.sum((0, 2)),
    )


class _Focused(torch.autograd.Function):
    """The two passes as one operator."""

    @staticmethod
    def forward(ctx: Any, heads: int, epsilon: float, x: Tensor, *weights: Tensor) -> Tensor:
        """Run the block and keep what its gradient needs."""
        out, kept = _forward(x, Weights(*weights), heads, epsilon)
        ctx.save_for_backward(x, *weights, *kept)
        ctx.arguments = (heads, epsilon)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients; where they are to be differentiated in turn, those of the definition."""
        x, *rest = ctx.saved_tensors
        count = len(Weights._fields)
        weights, kept = Weights(*rest[:count]), _Kept(*rest[count:])
        needed = ctx.needs_input_grad[2:]
        if torch.is_grad_enabled():
            inputs = [t for t, need in zip((x, *weights), needed, strict=True) if need]
            found = iter(
                torch.autograd.grad(definition(x, weights, *ctx.arguments), inputs, gradient, create_graph=True)
            )
            return (None, None, *(next(found) if need else None for need in needed))
        with no_autocast(x):
            of_x, of_weights = _backward(x, weights, kept, gradient)
        return (None, None, of_x, *of_weights)


def _project(weight: Tensor, bias: Tensor, tokens: Tensor, out: Tensor) -> None:
    """Write ``weight @ tokens + bias`` ``(B, m, N)`` into ``out``."""
    torch.baddbmm(bias.unsqueeze(1), weight.expand(tokens.shape[0], -1, -1), tokens, out=out)


def _product(a: Tensor, b: Tensor) -> Tensor:
    """Product of ``(B, heads, m, k)`` and ``(B, heads, k, n)``."""
    return torch.bmm(a.flatten(0, 1), b.flatten(0, 1)).view(*a.shape[:3], b.shape[3])


def _outer(left: Tensor, right: Tensor) -> Tensor:
    """Sum over images and pixels of ``(B, m, N)`` by ``(B, k, N)``: ``(m, k)``."""
    if left.shape[0] == 1:
        return torch.mm(left[0], right[0].t())
    return torch.bmm(left, right.transpose(1, 2)).sum(0)


def _shared(v: Tensor, height: int, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Convolve ``(B, heads, d, N)`` depthwise with the weights ``(d, 1, k, k)`` that all heads share."""
    d, kernel = weight.shape[0], weight.shape[2]
    maps = v.reshape(-1, d, height, v.shape[3] // height)
    return F.conv2d(maps, weight, bias, padding=kernel // 2, groups=d).view(v.shape)
