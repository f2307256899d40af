"""What every rule needs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from surgeon.profiler.flops.ledger import Ledger

Rule = Callable[[Ledger, tuple[Any, ...], Mapping[str, Any]], Any]
"""``rule(ledger, args, kwargs)`` books a call and returns its result, or `NotImplemented` and books nothing."""

META = torch.device("meta")
_PYTHON_KEYS = torch._C.DispatchKeySet(torch._C.DispatchKey.Python).add(torch._C.DispatchKey.PythonTLSSnapshot)


def below_the_modes() -> Any:
    """Where tensors are made without the counting mode's notice."""
    return torch._C._ExcludeDispatchKeyGuard(_PYTHON_KEYS)


def blank(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """A tensor of the meta device, without the counting mode's notice."""
    with torch._C._ExcludeDispatchKeyGuard(_PYTHON_KEYS):
        if not shape:
            return torch.empty((), dtype=dtype, device=META)
        return torch.empty(*shape, dtype=dtype, device=META)  # PyTorch reads numbers faster than a tuple of them


def made(ledger: Ledger, shape: tuple[int, ...], like: Tensor) -> Tensor:
    """A tensor of the meta device, without the counting mode's notice. Its memory is held."""
    out = blank(shape, like.dtype)
    ledger.hold(out, out.nbytes)
    return out


def made_of(ledger: Ledger, shape: tuple[int, ...], like: Tensor, *others: Tensor) -> Tensor:
    """The result of a pointwise function: its axes lie in memory as those of its operands, as PyTorch decides it.

    Not by ``torch.empty_like``, which on the meta device is Python, and imports a computer algebra system.
    """
    if like.is_contiguous() and like.shape == shape and all(one.is_contiguous() for one in others):
        return made(ledger, shape, like)
    strides = dense_strides(shape, (like, *others))
    with below_the_modes():
        out = torch.empty_strided(shape, strides, dtype=like.dtype, device=META)
    ledger.hold(out, out.nbytes)
    return out


def joint_shape(one: Sequence[int], other: Sequence[int]) -> tuple[int, ...] | None:
    """The shape to which both are broadcast; None where they do not fit."""
    if one == other:
        return tuple(one)
    shape = []
    for a, b in itertools.zip_longest(reversed(one), reversed(other), fillvalue=1):
        if a != b and 1 not in (a, b):
            return None
        shape.append(b if a == 1 else a)
    return tuple(reversed(shape))


def dense_strides(shape: tuple[int, ...], operands: tuple[Tensor, ...]) -> list[int]:
    """Strides of a pointwise result: the order of axes that ``TensorIterator`` finds for operands of any layout."""
    axes = len(shape)
    steps = []
    for one in operands:
        missing = axes - one.dim()
        own = (
            0 if n == 1 != shape[missing + i] else step
            for i, (n, step) in enumerate(zip(one.shape, one.stride(), strict=True))
        )
        steps.append([0] * missing + list(own))
    order = list(range(axes - 1, -1, -1))  # innermost first
    for end in range(1, axes):
        moving = end
        for other in range(end - 1, -1, -1):
            compared = _compared(order[other], order[moving], shape, steps)
            if compared > 0:
                order[other], order[moving] = order[moving], order[other]
                moving = other
            elif compared < 0:
                break
    strides, step = [0] * axes, 1
    for axis in order:
        strides[axis] = step
        step *= shape[axis]
    return strides


def _compared(inner: int, outer: int, shape: tuple[int, ...], steps: list[list[int]]) -> int:
    """Above 0 where an axis that is taken for the inner one lies outside; 0 where no operand knows."""
    for own in steps:
        a, b = own[inner], own[outer]
        if a and b and (a != b or shape[inner] > shape[outer]):
            return 1 if a >= b else -1
    return 0


def is_plain(tensor: Tensor) -> bool:
    """Whether a map is no map of channels last, which what is computed of it would become too."""
    return tensor.is_contiguous() or tensor.dim() != 4 or not tensor.is_contiguous(memory_format=torch.channels_last)
