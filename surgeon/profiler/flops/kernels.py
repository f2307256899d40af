"""Results of frequent operators on tensors without data.

PyTorch's own kernels for them on the meta device are Python that takes a hundred times longer, and imports a compiler
and a computer algebra system when the first of them runs: seconds, and 100 MB. A kernel here that is not sure declines,
and PyTorch's own runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from surgeon.profiler.flops.rules.base import META, dense_strides, joint_shape

Kernel = Callable[..., Any]
"""Takes the positional arguments of an operator; gives its result, with PyTorch's shape, strides and type, or
`NotImplemented`."""

aten = torch.ops.aten

_HARMLESS = frozenset({"alpha", "approximate", "pin_memory", "rounding_mode", "sparse_grad"})
"""Keyword arguments that change neither shape nor type."""


def result_of(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """The result of an operator on plain tensors; `NotImplemented` where PyTorch has to find it.

    Args:
        func: The operator.
        args: Its positional arguments.
        kwargs: Its keyword arguments.
    """
    kernel = KERNELS.get(func)
    if kernel is None or not _HARMLESS.issuperset(kwargs) or kwargs.get("rounding_mode", "floor") is None:
        return NotImplemented
    with torch._C.DisableTorchFunction():
        if not all(_is_plain(value) for value in args if isinstance(value, Tensor)):
            return NotImplemented
        return kernel(*args)


def _is_plain(tensor: Tensor) -> bool:
    return tensor.is_meta and tensor.layout is torch.strided


def _new(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    return torch.empty(tuple(shape), dtype=dtype, device=META)


def _pointwise(dtype: torch.dtype, *operands: Tensor) -> Any:
    """Of operands of any shapes that fit; its axes lie in memory as theirs."""
    shape: tuple[int, ...] | None = tuple(operands[0].shape)
    for one in operands[1:]:
        shape = None if shape is None else joint_shape(shape, one.shape)
    if shape is None:
        return NotImplemented
    return torch.empty_strided(shape, dense_strides(shape, operands), dtype=dtype, device=META)


def _unary(x: Tensor, *settings: Any) -> Any:
    """A function of one map of real numbers, with settings that are numbers."""
    if not x.is_floating_point() or any(isinstance(value, Tensor) for value in settings):
        return NotImplemented
    return _pointwise(x.dtype, x)


def _division(x: Tensor, y: Any) -> Any:
    return _binary(x, y) if x.is_floating_point() else NotImplemented


def _binary(x: Tensor, y: Any) -> Any:
    """Arithmetic of two maps of one type, or of a map and a number of its type."""
    if isinstance(y, Tensor):
        return _pointwise(x.dtype, x, y) if x.dtype == y.dtype != torch.bool else NotImplemented
    whole = x.dtype in (torch.int64, torch.int32)
    return _pointwise(x.dtype, x) if (type(y) is int and whole) or _is_number(x, y) else NotImplemented


def _product(x: Tensor, y: Any) -> Any:
    """As `_binary`; one of the two may be a mask."""
    if isinstance(y, Tensor) and x.dim() and y.dim() and torch.bool in (x.dtype, y.dtype):
        return _pointwise(torch.promote_types(x.dtype, y.dtype), x, y)
    return _binary(x, y)


def _comparison(x: Tensor, y: Any) -> Any:
    return _pointwise(torch.bool, x) if _is_number(x, y) else NotImplemented


def _is_number(x: Tensor, y: Any) -> bool:
    return x.is_floating_point() and type(y) in (int, float)


def _logical(*operands: Tensor) -> Any:
    if any(one.dtype != torch.bool for one in operands):
        return NotImplemented
    return _pointwise(torch.bool, *operands)


def _masked_fill(x: Tensor, mask: Tensor, value: Any) -> Any:
    if not x.is_contiguous() or not _is_number(x, value) or joint_shape(x.shape, mask.shape) != x.shape:
        return NotImplemented
    return _new(x.shape, x.dtype)


def _full_like(x: Tensor, value: Any) -> Any:
    return _new(x.shape, x.dtype) if x.is_contiguous() else NotImplemented


def _mm(a: Tensor, b: Tensor) -> Any:
    if not a.dim() == b.dim() == 2 or a.shape[1] != b.shape[0] or a.dtype != b.dtype:
        return NotImplemented
    return _new((a.shape[0], b.shape[1]), a.dtype)


def _addmm(bias: Tensor, a: Tensor, b: Tensor) -> Any:
    fits = bias.dtype == a.dtype and bias.dim() == 1 and bias.shape[0] in (1, b.shape[-1])
    return _mm(a, b) if fits else NotImplemented


def _bmm(a: Tensor, b: Tensor) -> Any:
    if not a.dim() == b.dim() == 3 or a.shape[0] != b.shape[0] or a.shape[2] != b.shape[1] or a.dtype != b.dtype:
        return NotImplemented
    return _new((a.shape[0], a.shape[1], b.shape[2]), a.dtype)


def _softmax(x: Tensor, dim: int, half_to_float: bool) -> Any:
    if half_to_float or not x.is_floating_point() or not x.is_contiguous() or not -x.dim() <= dim < x.dim():
        return NotImplemented
    return _new(x.shape, x.dtype)


def _sum(x: Tensor, dims: Any, keepdim: bool = False) -> Any:
    """A sum or a mean over some axes of a map of real numbers."""
    return _reduction(x, dims, keepdim) if x.is_floating_point() else NotImplemented


def _all(x: Tensor, dim: int, keepdim: bool = False) -> Any:
    return _reduction(x, [dim], keepdim) if x.dtype == torch.bool else NotImplemented


def _reduction(x: Tensor, dims: Any, keepdim: bool) -> Any:
    axes = x.dim()
    if not isinstance(dims, list) or not dims or any(not -axes <= dim < axes for dim in dims):
        return NotImplemented
    gone = {dim % axes for dim in dims}
    if len(gone) != len(dims):
        return NotImplemented
    return _new([1 if axis in gone else n for axis, n in enumerate(x.shape) if keepdim or axis not in gone], x.dtype)


def _topk(x: Tensor, k: int, dim: int = -1, *order: bool) -> Any:
    if not -x.dim() <= dim < x.dim() or not 0 <= k <= x.shape[dim]:
        return NotImplemented
    shape = list(x.shape)
    shape[dim] = k
    return _new(shape, x.dtype), _new(shape, torch.int64)


def _gather(x: Tensor, dim: int, index: Tensor) -> Any:
    if index.dtype != torch.int64 or index.dim() != x.dim() or not -x.dim() <= dim < x.dim():
        return NotImplemented
    if any(index.shape[axis] > n for axis, n in enumerate(x.shape) if axis != dim % x.dim()):
        return NotImplemented
    return _new(index.shape, x.dtype)


def _index(x: Tensor, indices: Sequence[Any]) -> Any:
    """``x[:, i, j]`` by whole numbers of one shape for neighbouring axes."""
    axes = [axis for axis, one in enumerate(indices) if one is not None]
    if not axes or len(indices) > x.dim() or not x.is_contiguous():
        return NotImplemented
    first, end = axes[0], axes[-1] + 1
    numbers = indices[first:end]
    if any(one is None or not _is_plain(one) or one.dtype != torch.int64 for one in numbers):
        return NotImplemented
    shape = numbers[0].shape
    if any(one.shape != shape or not one.is_contiguous() for one in numbers):
        return NotImplemented
    return _new((*x.shape[:first], *shape, *x.shape[end:]), x.dtype)


def _resample(x: Tensor, size: Sequence[int], *settings: Any) -> Any:
    """A map of another size. One of channels last would stay so."""
    if x.dim() != 4 or len(size) != 2 or not x.is_floating_point() or not x.is_contiguous():
        return NotImplemented
    if x.is_contiguous(memory_format=torch.channels_last):
        return NotImplemented
    return _new((*x.shape[:2], *size), x.dtype)


_UNARY = ("abs", "clamp", "cos", "exp", "log", "neg", "reciprocal", "relu", "rsqrt", "sigmoid", "sin", "sqrt", "tanh")

KERNELS: dict[Any, Kernel] = {
    **{getattr(aten, name).default: _unary for name in _UNARY},
    aten.gelu.default: _unary,
    aten.pow.Tensor_Scalar: _unary,
    aten.add.Tensor: _binary,
    aten.sub.Tensor: _binary,
    aten.mul.Tensor: _product,
    aten.div.Tensor: _division,
    aten.div.Tensor_mode: _binary,
    **dict.fromkeys((aten.gt.Scalar, aten.ge.Scalar, aten.lt.Scalar, aten.le.Scalar), _comparison),
    **dict.fromkeys((aten.bitwise_and.Tensor, aten.bitwise_or.Tensor, aten.bitwise_not.default), _logical),
    aten.masked_fill.Scalar: _masked_fill,
    aten.full_like.default: _full_like,
    aten.mm.default: _mm,
    aten.addmm.default: _addmm,
    aten.bmm.default: _bmm,
    aten._softmax.default: _softmax,
    aten.sum.dim_IntList: _sum,
    aten.mean.dim: _sum,
    aten.all.dim: _all,
    aten.topk.default: _topk,
    aten.gather.default: _gather,
    aten.index.Tensor: _index,
    aten.upsample_bilinear2d.default: _resample,
    aten.upsample_bicubic2d.default: _resample,
}
