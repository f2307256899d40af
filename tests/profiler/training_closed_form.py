"""What one training step must cost, from the shapes that a real pass on the CPU meets: no operator is looked at.

A gradient costs what the forward costs: that of an input where the input requires one, that of a weight where it is
not frozen. The two factors of a product inside an attention are both made from the image.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

Cost = tuple[int, int, int]
"""MACs of forward, gradients of inputs, gradients of weights."""


def closed_form(model: nn.Module, image: Tensor) -> dict[str, Cost]:
    """Cost by module path, submodules apart; the model is left in training mode."""
    costs: dict[str, Cost] = {}
    handles = []
    for path, module in model.named_modules():
        cost = next((cost for kind, cost in COSTS.items() if kind in {c.__name__ for c in type(module).__mro__}), None)
        if cost is None:
            continue

        def note(module: nn.Module, args: Any, kwargs: Any, out: Any, path: str = path, cost: Any = cost) -> None:
            costs[path] = added(costs.get(path, (0, 0, 0)), cost(module, args, kwargs, out))

        handles.append(module.register_forward_hook(note, with_kwargs=True))
    try:
        with torch.enable_grad():
            model.train()(image)
    finally:
        for handle in handles:
            handle.remove()
    return costs


def total(costs: Mapping[str, Cost], prefix: str = "") -> Cost:
    """Sum over a module and all below it."""
    inside = (cost for path, cost in costs.items() if not prefix or f"{path}.".startswith(f"{prefix}."))
    return added((0, 0, 0), *inside)


def added(*costs: Cost) -> Cost:
    forward, of_inputs, of_weights = map(sum, zip(*costs, strict=True))
    return forward, of_inputs, of_weights


def _weighted(macs: int, x: Tensor, weight: Tensor) -> Cost:
    return macs, macs * x.requires_grad, macs * weight.requires_grad


def _convolution(module: Any, args: Any, kwargs: Any, out: Tensor) -> Cost:
    inner, window = module.in_channels // module.groups, module.kernel_size[0] * module.kernel_size[1]
    return _weighted(out.numel() * inner * window, args[0], module.weight)


def _transposed(module: Any, args: Any, kwargs: Any, out: Tensor) -> Cost:
    outer, window = module.out_channels // module.groups, module.kernel_size[0] * module.kernel_size[1]
    return _weighted(args[0].numel() * outer * window, args[0], module.weight)


def _linear(module: Any, args: Any, kwargs: Any, out: Tensor) -> Cost:
    return _weighted(out.numel() * module.in_features, args[0], module.weight)


def _multi_head(module: Any, args: Any, kwargs: Any, out: Any) -> Cost:
    query, key, value = (*args, *kwargs.values())[:3]
    axis = 1 if module.batch_first else 0
    batch, wide = query.shape[1 - axis], module.embed_dim
    products = 2 * batch * query.shape[axis] * key.shape[axis] * wide
    projections = [_weighted(x.numel() * wide, x, module.in_proj_weight) for x in (query, key, value)]
    outwards = query.numel() * wide
    return added(*projections, (outwards, outwards, outwards), (products, 2 * products, 0))


def _of_yolo(module: Any, args: Any, kwargs: Any, out: Tensor) -> Cost:
    """The two products of Ultralytics' own attention: over the whole map, or within each of ``area`` parts."""
    area, keys = getattr(module, "area", 1), getattr(module, "key_dim", module.head_dim)
    pixels = out.shape[2] * out.shape[3] // area
    products = out.shape[0] * area * module.num_heads * pixels**2 * (keys + module.head_dim)
    return products, 2 * products, 0


def _positions(module: Any, args: Any, kwargs: Any, out: Tensor) -> Cost:
    """AIFI's coordinates, two axes of them, times a quarter of the width of frequencies; constants, so no gradient."""
    return 2 * out.shape[2] * out.shape[3] * out.shape[1] // 4, 0, 0


COSTS = {
    "Conv2d": _convolution,
    "ConvTranspose2d": _transposed,
    "Linear": _linear,
    "MultiheadAttention": _multi_head,
    "Attention": _of_yolo,
    "AAttn": _of_yolo,
    "AIFI": _positions,
}
"""By name of a class or of a base of it."""
