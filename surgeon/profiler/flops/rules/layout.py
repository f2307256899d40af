"""Rules of what moves or makes values and computes none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from surgeon.profiler.flops.ledger import Ledger
from surgeon.profiler.flops.rules.base import Rule, below_the_modes, made
from surgeon.profiler.flops.traffic import read_bytes


def cat(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """``torch.cat``."""
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
        read += read_bytes(part)
    shape[dim] = length
    out = made(ledger, tuple(shape), first)
    ledger.book("cat", 0, 0, read, out.nbytes)
    return out


def stack(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """``torch.stack``."""
    parts = args[0] if args else None
    dim = args[1] if len(args) > 1 else kwargs.get("dim", 0)
    if type(parts) not in (list, tuple) or not parts or type(dim) is not int or "out" in kwargs:
        return NotImplemented
    first = parts[0]
    if any(not part.is_meta or part.dtype != first.dtype or part.shape != first.shape for part in parts):
        return NotImplemented
    shape = list(first.shape)
    if not -len(shape) - 1 <= dim <= len(shape):
        return NotImplemented
    shape.insert(dim % (len(shape) + 1), len(parts))
    out = made(ledger, tuple(shape), first)
    ledger.book("stack", 0, 0, sum(map(read_bytes, parts)), out.nbytes)
    return out


def arange(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """``torch.arange``; what is asked for on the CPU is made there, for it may be read."""
    if not kwargs:
        return _made_here(ledger, "arange", torch.arange, args)
    if not _on_meta(kwargs):
        return NotImplemented
    start, end, step = kwargs.get("start", 0), kwargs.get("end"), kwargs.get("step", 1)
    if len(args) == 1:
        end = args[0]
    elif len(args) >= 2:
        start, end, step = (*args, 1)[:3]
    if any(type(value) not in (int, float) for value in (start, end, step)) or not step:
        return NotImplemented
    whole = all(type(value) is int for value in (start, end, step))
    dtype = kwargs.get("dtype") or (torch.int64 if whole else torch.get_default_dtype())
    return _filled(ledger, "arange", (max(0, math.ceil((end - start) / step)),), dtype)


def full(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """``torch.full`` on the meta device."""
    if not _on_meta(kwargs) or len(args) != 2 or type(args[0]) not in (tuple, list, torch.Size):
        return NotImplemented
    dtype = kwargs.get("dtype")
    if dtype is None:
        return NotImplemented
    return _filled(ledger, "full", tuple(args[0]), dtype)


def new_full(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """``Tensor.new_full``."""
    if len(args) != 3 or not args[0].is_meta or type(args[1]) not in (tuple, list, torch.Size):
        return NotImplemented
    dtype = kwargs.get("dtype") or args[0].dtype
    if len(kwargs) != ("dtype" in kwargs) or isinstance(args[2], complex):
        return NotImplemented
    if isinstance(args[2], Tensor):  # a value that is there for real; PyTorch reads it
        if args[2].is_meta or args[2].dim():
            return NotImplemented
        ledger.book("_local_scalar_dense", 0, 0, args[2].nbytes, 0)
    return _filled(ledger, "new_full", tuple(args[1]), dtype)


def _filled(ledger: Ledger, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    with below_the_modes():
        out = torch.empty(shape, dtype=dtype, device="meta")
    ledger.book(name, 0, 0, 0, out.nbytes)
    ledger.hold(out, out.nbytes)
    return out


def _made_here(ledger: Ledger, name: str, func: Any, args: tuple[Any, ...]) -> Any:
    """A constant on the CPU."""
    if any(type(value) not in (int, float) for value in args):
        return NotImplemented
    with below_the_modes():
        out = func(*args)
    ledger.book(name, 0, 0, 0, out.nbytes)
    ledger.hold(out, out.nbytes)
    return out


def type_as(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """``Tensor.type_as`` of a constant on the CPU: its shape goes where the maps are."""
    if kwargs or len(args) != 2 or args[0].is_meta or not args[1].is_meta or not args[0].is_contiguous():
        return NotImplemented
    out = made(ledger, args[0].shape, args[1])
    ledger.book("_to_copy", 0, 0, args[0].nbytes, out.nbytes)
    return out


def item(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """``tensor[1, :, None]``: a look at the same memory, on any device."""
    index = args[1] if type(args[1]) is tuple else args[1:2]
    if not all(part is None or part is Ellipsis or type(part) in (int, slice) for part in index):
        return NotImplemented
    with below_the_modes():
        return args[0][args[1]]


def _on_meta(kwargs: Mapping[str, Any]) -> bool:
    device = kwargs.get("device")
    return device is not None and torch.device(device).type == "meta" and "out" not in kwargs


def free(func: Any) -> Rule:
    """The rule of a function that only looks at its operand."""

    def rule(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        for value in args[0] if args and type(args[0]) in (list, tuple) else (*args, *kwargs.values()):
            if isinstance(value, Tensor) and not value.is_meta:
                return NotImplemented
        with below_the_modes():
            return func(*args, **kwargs)

    return rule


def layout(func: Any) -> Rule:
    """The rule of a function that looks at its operand, or copies it where that is strided."""
    look = free(func)

    def rule(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        out = look(ledger, args, kwargs)
        if isinstance(out, Tensor) and not args[0].is_contiguous() and not _share(out, args[0]):
            ledger.book("clone", 0, 0, read_bytes(args[0]), out.nbytes)
            ledger.hold(out, out.nbytes)
        return out

    return rule


def conversion(func: Any) -> Rule:
    """The rule of a function that changes a type, or gives its operand back."""
    look = free(func)

    def rule(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        out = look(ledger, args, kwargs)
        if isinstance(out, Tensor) and out is not args[0]:
            ledger.book("_to_copy", 0, 0, read_bytes(args[0]), out.nbytes)
            ledger.hold(out, out.nbytes)
        return out

    return rule


def _share(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors look at the same memory."""
    return bool(one.untyped_storage()._cdata == other.untyped_storage()._cdata)
