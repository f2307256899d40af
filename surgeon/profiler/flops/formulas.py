"""MACs of one operator from the shapes it was called with, and which operators nobody can count.

The formulas of convolution, matrix products and fused attention are PyTorch's own (``torch.utils.flop_counter``,
which counts 2 FLOPs a MAC), but for their gradients (`surgeon.profiler.flops.backward`), which a forward may compute
too; a few that it lacks are added here. What is elementwise by convention (normalisation,
activation, pooling, resampling, reductions) has no MACs and is not listed as uncounted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import flop_registry

from surgeon.profiler.flops.backward import total_formulas
from surgeon.profiler.flops.formula import Formula

_BUILT_IN_NAMESPACES = frozenset({"aten", "prim", "prims"})

_MAY_MULTIPLY = re.compile(
    r"conv|mm(_|$)|(^|_)mv$|matmul|linear|attention|attn|multi_head|transformer_encoder|rnn|lstm|gru|fft|linalg"
    r"|dot(_|$)|cdist|euclidean_dist|bilinear|trilinear|tensordot|einsum|kron|sparse|addr$|cholesky|solve|qr$|svd"
)
_NEVER_MULTIPLIES = re.compile(
    r"^_?upsample|^linspace|^_pack_|^_thnn_fused|fftfreq|fftshift|sparse_dim|vector_norm$|linalg_(cross|diagonal)$"
)

_ELEMENTWISE_CUSTOM = frozenset({"torchvision::nms", "torchvision::roi_align", "torchvision::roi_pool"})


REGISTERED: dict[str, Formula] = {}
"""Users' formulas by operator name; written by `surgeon.profiler.flops.registry` alone."""


def default_formulas() -> dict[str, Formula]:
    """Formulas by operator name (``aten::mm``), users' included; a caller may add to the copy or replace entries."""
    return {**BUILT_IN, **REGISTERED}


def leaves_built_in_alone(formulas: Mapping[str, Formula]) -> bool:
    """Whether PyTorch's own operators have the formulas of `BUILT_IN` and no others: what rules may speak for."""
    own = {name: formula for name, formula in formulas.items() if _is_built_in(name)}
    return own == {name: formula for name, formula in BUILT_IN.items() if _is_built_in(name)}


def operator_name(func: Any) -> str:
    """``aten::mm`` for the overload ``aten.mm.default``; the plain name for a higher-order operator."""
    schema = getattr(func, "_schema", None)
    return str(schema.name) if schema is not None else str(func)


def is_uncountable(func: Any) -> bool:
    """Whether an operator without a formula could hide matrix work: it has to be named, not counted as 0."""
    name = operator_name(func)
    if not _is_built_in(name):
        return name not in _ELEMENTWISE_CUSTOM
    operator = name.partition("::")[2]
    if torch.Tag.pointwise in getattr(func, "tags", ()) or _NEVER_MULTIPLIES.search(operator):
        return False
    return _MAY_MULTIPLY.search(operator) is not None


def _is_built_in(name: str) -> bool:
    return name.partition("::")[0] in _BUILT_IN_NAMESPACES


def _packet_name(packet: Any) -> str:
    """Name of a registry entry: ``aten.mm`` is ``aten::mm``."""
    return str(getattr(packet, "_qualified_op_name", packet))


def _from_torch(formula: Callable[..., int]) -> Formula:
    """Turn one of PyTorch's FLOP formulas into a MAC formula."""

    def macs(out: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int:
        return int(formula(*args, **kwargs, out_val=out)) // 2

    return macs


def _deform_conv2d(out: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int:
    """MACs of the convolution; sampling its inputs is elementwise."""
    weight: Tensor = args[1]
    return _numel(out) * _numel(weight) // int(weight.shape[0])


def _numel(tensor: Tensor) -> int:
    return int(tensor.numel())


BUILT_IN: Mapping[str, Formula] = {
    **{_packet_name(packet): _from_torch(formula) for packet, formula in flop_registry.items()},
    **total_formulas(),
    "aten::mv": lambda out, args, kwargs: _numel(args[0]),
    "aten::addmv": lambda out, args, kwargs: _numel(args[1]),
    "aten::dot": lambda out, args, kwargs: _numel(args[0]),
    "aten::vdot": lambda out, args, kwargs: _numel(args[0]),
    "aten::addbmm": lambda out, args, kwargs: _numel(args[1]) * int(args[2].shape[-1]),
    "aten::_int_mm": lambda out, args, kwargs: _numel(args[0]) * int(args[1].shape[-1]),
    "torchvision::deform_conv2d": _deform_conv2d,
}
"""Formulas that come with surgeon."""
