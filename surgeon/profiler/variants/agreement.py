"""How far the outputs of a variant lie from eager's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The differences of all outputs.

    Attributes:
        difference: Largest absolute difference; infinite where only one of the two values is finite.
        relative: Largest difference of an output relative to its largest value, the worst over the outputs.
        note: Where not everything could be compared, what; else empty.
    """

    difference: float
    relative: float
    note: str = ""


def outputs_of(module: nn.Module, images: Tensor) -> list[Tensor]:
    """Every floating-point output of one run, as float32 on the CPU, in the order in which they are nested."""
    with torch.inference_mode():
        leaves = [torch.as_tensor(leaf) for leaf in tree_leaves(module(images)) if _is_array(leaf)]
        return [leaf.detach().to("cpu", torch.float32, copy=True) for leaf in leaves if leaf.is_floating_point()]


def agreement(expected: Sequence[Tensor], found: Sequence[Tensor]) -> Agreement:
    """Compare outputs in order.

    A head puts out its raw maps too while an exported one does not: each output found is compared with the next one
    expected of its shape.

    Args:
        expected: Eager's outputs, from `outputs_of`.
        found: The variant's.
    """
    left, worst, relative = list(expected), 0.0, 0.0
    for tensor in found:
        at = next((at for at, one in enumerate(left) if one.shape == tensor.shape), None)
        if at is None:
            shape = "x".join(map(str, tensor.shape))
            return Agreement(difference=math.inf, relative=math.inf, note=f"eager puts out nothing of shape {shape}")
        reference = left[at]
        del left[: at + 1]
        difference = _difference(reference, tensor)
        worst = max(worst, difference)
        scale = float(reference[reference.isfinite()].abs().max()) if reference.isfinite().any() else 0.0
        relative = max(relative, difference / scale if scale else (math.inf if difference else 0.0))
    if not found:
        return Agreement(difference=math.inf, relative=math.inf, note="it puts out no floating-point tensor")
    compared = f"{len(found)} of eager's {len(expected)} outputs" if len(found) < len(expected) else ""
    return Agreement(difference=worst, relative=relative, note=compared and f"compared in {compared}")


def _difference(expected: Tensor, found: Tensor) -> float:
    """Equal infinities and two NaNs count as equal."""
    if not expected.numel():
        return 0.0
    same = (expected == found) | (expected.isnan() & found.isnan())
    gaps = torch.where(same, torch.zeros(()), (expected - found).abs())
    return float(gaps.nan_to_num(nan=math.inf, posinf=math.inf).max())


def _is_array(leaf: object) -> bool:
    """Whether it is a tensor, or what NumPy has for one."""
    return isinstance(leaf, Tensor) or (hasattr(leaf, "__array__") and hasattr(leaf, "dtype"))
