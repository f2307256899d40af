"""The rules by which the frequent functions of a network are answered from shapes alone, and booked.

PyTorch's own shape functions of convolution and batch normalisation take a hundred times longer than a formula does. A
rule that is not sure declines: it returns `NotImplemented` and books nothing, and the operators are counted instead.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from surgeon.profiler.flops.elementwise import elementwise_flops
from surgeon.profiler.flops.ledger import Ledger

Rule = Callable[[Ledger, tuple[Any, ...], Mapping[str, Any]], Any]
"""``rule(ledger, args, kwargs)`` books a call and returns its result, or `NotImplemented` and books nothing."""

_PYTHON_KEYS = torch._C.DispatchKeySet(torch._C.DispatchKey.Python).add(torch._C.DispatchKey.PythonTLSSnapshot)


def _below_the_modes() -> Any:
    """Where tensors are made without the counting mode's notice."""
    return torch._C._ExcludeDispatchKeyGuard(_PYTHON_KEYS)


def _made(shape: tuple[int, ...], like: Tensor) -> Tensor:
    with _below_the_modes():
        return torch.empty(shape, dtype=like.dtype, device="meta")


def _size(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.numel() * tensor.itemsize


def _convolution(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    if kwargs or len(args) != 7:
        return NotImplemented
    x, weight, bias, stride, padding, dilation, groups = args
    shape, kernel = x.shape, weight.shape
    axes = len(kernel) - 2
    if (
        not (x.is_meta and weight.is_meta)
        or len(shape) != axes + 2
        or x.dtype != weight.dtype
        or shape[1] != kernel[1] * groups
        or not all(type(option) is tuple and len(option) == axes for option in (stride, padding, dilation))
    ):
        return NotImplemented
    sides = [
        (shape[2 + i] + 2 * padding[i] - dilation[i] * (kernel[2 + i] - 1) - 1) // stride[i] + 1 for i in range(axes)
    ]
    if min(sides) < 1:
        return NotImplemented
    out = _made((shape[0], kernel[0], *sides), x)
    macs = out.numel() * (weight.numel() // kernel[0])
    ledger.book("convolution", macs, 0, _size(x) + _size(weight) + _size(bias), _size(out))
    return out


def _batch_norm(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    x, mean = args[0], args[1]
    if kwargs.get("training", True) or mean is None or not x.is_meta or x.dim() < 2 or x.shape[1] != mean.shape[0]:
        return NotImplemented
    out = _made(tuple(x.shape), x)
    ledger.book("batch_norm", 0, 2 * out.numel(), _size(x) + 4 * _size(mean), _size(out))
    return out


def _layer_norm(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    x, shape = args[0], args[1]
    if not x.is_meta or tuple(x.shape[-len(shape) :]) != tuple(shape):
        return NotImplemented
    out = _made(tuple(x.shape), x)
    ledger.book("layer_norm", 0, 8 * out.numel(), _size(x) + 8 * math.prod(shape), _size(out))
    return out


def _linear(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    if kwargs or not 2 <= len(args) <= 3:
        return NotImplemented
    x, weight, bias = (*args, None)[:3]
    if not (x.is_meta and weight.is_meta) or weight.dim() != 2 or x.dim() < 1 or x.shape[-1] != weight.shape[1]:
        return NotImplemented
    if x.dtype != weight.dtype:
        return NotImplemented
    out = _made((*x.shape[:-1], weight.shape[0]), x)
    ledger.book("linear", out.numel() * weight.shape[1], 0, _size(x) + _size(weight) + _size(bias), _size(out))
    return out


def _matmul(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    if kwargs or len(args) != 2:
        return NotImplemented
    a, b = args
    if not (isinstance(a, Tensor) and isinstance(b, Tensor) and a.is_meta and b.is_meta) or a.dtype != b.dtype:
        return NotImplemented
    if a.dim() < 2 or b.dim() < 2 or a.shape[-1] != b.shape[-2]:
        return NotImplemented
    lead = a.shape[:-2]
    if lead != b.shape[:-2]:
        return NotImplemented
    out = _made((*lead, a.shape[-2], b.shape[-1]), a)
    ledger.book("matmul", out.numel() * a.shape[-1], 0, _size(a) + _size(b), _size(out))
    return out


def _unary(name: str, each: int = 1) -> Rule:
    """The rule of a function of one map, of its shape."""

    def rule(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        x = args[0] if args else None
        if not isinstance(x, Tensor) or not x.is_meta or not x.is_floating_point() or kwargs.get("dtype") is not None:
            return NotImplemented
        out = x if kwargs.get("inplace") else _made(tuple(x.shape), x)
        ledger.book(name, 0, each * out.numel(), _size(x), _size(out))
        return out

    return rule


def _binary(name: str, *, inplace: bool = False) -> Rule:
    """The rule of a pointwise function of two maps, or a map and a number."""

    def rule(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        if kwargs or len(args) != 2:
            return NotImplemented
        x, y = args
        if not isinstance(x, Tensor) or not x.is_meta or not x.is_floating_point():
            return NotImplemented
        shape = _joint_shape(x, y)
        if shape is None or (inplace and shape != x.shape):
            return NotImplemented
        out = x if inplace else _made(shape, x)
        ledger.book(name, 0, out.numel(), _size(x) + (_size(y) if isinstance(y, Tensor) else 0), _size(out))
        return out

    return rule


def _joint_shape(x: Tensor, y: Any) -> tuple[int, ...] | None:
    """The shape to which both are broadcast; None where there is none, or where the type would change."""
    if not isinstance(y, Tensor):
        return tuple(x.shape) if type(y) in (int, float) else None
    if y.dtype != x.dtype:
        return None
    if x.shape == y.shape:
        return tuple(x.shape)
    shape = []
    for a, b in itertools.zip_longest(reversed(x.shape), reversed(y.shape), fillvalue=1):
        if a != b and 1 not in (a, b):
            return None
        shape.append(b if a == 1 else a)
    return tuple(reversed(shape))


def _grid_sample(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    if len(args) < 2:
        return NotImplemented
    x, grid = args[:2]
    if not (x.is_meta and grid.is_meta) or x.dim() != 4 or grid.dim() != 4 or x.shape[0] != grid.shape[0]:
        return NotImplemented
    out = _made((x.shape[0], x.shape[1], grid.shape[1], grid.shape[2]), x)
    ledger.book("grid_sample", 0, 11 * out.numel(), _size(x) + _size(grid), _size(out))
    return out


def _cat(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    parts = args[0]
    dim = args[1] if len(args) > 1 else kwargs.get("dim", 0)
    if type(parts) not in (list, tuple) or not parts or type(dim) is not int or "out" in kwargs:
        return NotImplemented
    first = parts[0]
    shape = list(first.shape)
    if not -len(shape) <= dim < len(shape):
        return NotImplemented
    dim %= len(shape)
    length = read = 0
    for part in parts:
        if not part.is_meta or part.dtype != first.dtype or len(part.shape) != len(shape):
            return NotImplemented
        sides = list(part.shape)
        length += sides[dim]
        sides[dim] = shape[dim]
        if sides != shape:
            return NotImplemented
        read += _size(part)
    shape[dim] = length
    out = _made(tuple(shape), first)
    ledger.book("cat", 0, 0, read, _size(out))
    return out


def _plain(func: Any, name: str) -> Rule:
    """The rule of a function of one map whose own shape function is fast and which is one operator without MACs."""

    def rule(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        x = args[0] if args else None
        if (
            not isinstance(x, Tensor)
            or not x.is_meta
            or any(isinstance(v, Tensor) for v in (*args[1:], *kwargs.values()))
        ):
            return NotImplemented
        with _below_the_modes():
            out = func(*args, **kwargs)
        if isinstance(out, Tensor):
            ledger.book(name, 0, elementwise_flops(name, out, (x, *args[1:])), _size(x), _size(out))
            return out
        return NotImplemented

    return rule


def _free(func: Any) -> Rule:
    """The rule of a function that moves or makes values and computes none."""

    def rule(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        for value in args[0] if args and type(args[0]) in (list, tuple) else (*args, *kwargs.values()):
            if isinstance(value, Tensor) and not value.is_meta:
                return NotImplemented
        with _below_the_modes():
            return func(*args, **kwargs)

    return rule


_UNARY: tuple[Any, ...] = (
    *(F.silu, F.relu, F.relu6, F.gelu, F.hardswish, F.hardsigmoid, F.leaky_relu, F.elu, F.mish, F.softplus),
    *(torch.relu, torch.sigmoid, torch.tanh, torch.exp, Tensor.relu, Tensor.sigmoid, Tensor.tanh, Tensor.exp),
)
_BINARY: tuple[Any, ...] = (
    *(torch.add, torch.sub, torch.mul, torch.div, Tensor.add, Tensor.sub, Tensor.mul, Tensor.div, Tensor.__add__),
    *(Tensor.__radd__, Tensor.__sub__, Tensor.__mul__, Tensor.__rmul__, Tensor.__truediv__),
)
_INPLACE: tuple[Any, ...] = (Tensor.add_, Tensor.mul_, Tensor.__iadd__, Tensor.__imul__)
_SOFTMAX: tuple[Any, ...] = (Tensor.softmax, torch.softmax, F.softmax)
_FREE: tuple[Any, ...] = (
    *(Tensor.view, Tensor.permute, Tensor.transpose, Tensor.unsqueeze, Tensor.squeeze, Tensor.expand, Tensor.chunk),
    *(Tensor.split, torch.split, torch.chunk, torch.unbind, Tensor.unbind, Tensor.narrow, Tensor.select),
    *(torch.permute, torch.transpose, torch.unsqueeze, torch.squeeze, torch.meshgrid, Tensor.to, Tensor.type),
    *(Tensor.reshape, torch.reshape, Tensor.flatten, torch.flatten, Tensor.contiguous, torch.stack, Tensor.repeat),
    *(torch.arange, torch.full, torch.zeros, torch.ones, torch.empty, torch.zeros_like, torch.ones_like),
    *(torch.full_like, Tensor.new_full, Tensor.new_zeros, Tensor.new_ones, Tensor.new_empty, Tensor.float),
)

RULES: dict[Any, Rule] = {
    torch.conv1d: _convolution,
    torch.conv2d: _convolution,
    torch.conv3d: _convolution,
    F.batch_norm: _batch_norm,
    F.layer_norm: _layer_norm,
    F.linear: _linear,
    torch.matmul: _matmul,
    torch.bmm: _matmul,
    Tensor.matmul: _matmul,
    Tensor.__matmul__: _matmul,
    torch.cat: _cat,
    F.grid_sample: _grid_sample,
    **{func: _unary(func.__name__) for func in _UNARY},
    **{func: _unary("softmax", 5) for func in _SOFTMAX},
    **{func: _binary(func.__name__.strip("_")) for func in _BINARY},
    **{func: _binary(func.__name__.strip("_"), inplace=True) for func in _INPLACE},
    F.interpolate: _plain(F.interpolate, "upsample"),
    F.max_pool2d: _plain(F.max_pool2d, "max_pool2d"),
    F.avg_pool2d: _plain(F.avg_pool2d, "avg_pool2d"),
    **{func: _free(func) for func in _FREE},
}
