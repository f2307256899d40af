"""MACs of the operators that only a backward pass runs and that give several gradients at once.

Each gradient of a linear operator costs as much as its forward. PyTorch's own formula of a convolution's backward is
wrong for groups (it forgets to divide by them), and its formulas of fused attention count that the kernel computes the
scores a second time, which the definition does not ask for; here are the definition's. Plain matrix products are
ordinary operators in a backward pass too, and have their formula in ``formulas.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import flop_registry

from surgeon.profiler.flops.formula import Formula

Gradients = tuple[int, int]
"""MACs of the gradient of what goes through an operator, and of the gradient of its weight."""

GradientFormula = Callable[[Any, tuple[Any, ...], Mapping[str, Any]], Gradients]
"""``formula(output, args, kwargs) -> Gradients`` of one call."""


def _convolution(out: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Gradients:
    """Of an ordinary one every output value, of a transposed one every input value, meets its row of the weight."""
    grad_out, image, weight = args[:3]
    transposed, (of_image, of_weight, *_) = args[7], args[10]
    row: Tensor = weight[0]
    macs = int((image if transposed else grad_out).numel()) * int(row.numel())
    return macs * bool(of_image), macs * bool(of_weight)


def _deform_conv2d(out: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Gradients:
    """One product gives what the gradients of image, offsets and mask are read from, a second one the weight's."""
    grad_out, _, weight = args[:3]
    macs = int(grad_out.numel()) * int(weight.numel()) // int(weight.shape[0])
    return macs, macs


def _attention(formula: Callable[..., int]) -> GradientFormula:
    """PyTorch counts three products as wide as the queries and two as wide as the values; one is a repetition."""

    def macs(out: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Gradients:
        wide, of_values = int(args[1].shape[-1]), int(args[3].shape[-1])
        counted = int(formula(*args, **kwargs, out_val=out)) // 2
        return counted * 2 * (wide + of_values) // (3 * wide + 2 * of_values), 0

    return macs


def _of_attention() -> dict[str, GradientFormula]:
    """Every fused attention that PyTorch has a formula for, and the CPU's, which takes the same arguments first."""
    dense = flop_registry[torch.ops.aten._scaled_dot_product_flash_attention_backward]
    formulas = {"aten::_scaled_dot_product_flash_attention_for_cpu_backward": dense}
    for packet, formula in flop_registry.items():
        name = str(getattr(packet, "_qualified_op_name", packet))
        if name.startswith("aten::") and name.endswith("attention_backward"):
            formulas[name] = formula
    return {name: _attention(formula) for name, formula in formulas.items()}


GRADIENTS: Mapping[str, GradientFormula] = {
    "aten::convolution_backward": _convolution,
    "torchvision::_deform_conv2d_backward": _deform_conv2d,
    **_of_attention(),
}
"""By operator name."""


def total_formulas() -> dict[str, Formula]:
    """The same as plain formulas: all gradients of a call together."""
    return {name: _total(formula) for name, formula in GRADIENTS.items()}


def _total(formula: GradientFormula) -> Formula:
    return lambda out, args, kwargs: sum(formula(out, args, kwargs))


WITHOUT_MACS = frozenset({"torchvision::_roi_align_backward", "torchvision::_roi_pool_backward"})
"""Custom operators of a backward pass that only move and add values."""
