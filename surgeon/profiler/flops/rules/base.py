"""What every rule needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from surgeon.profiler.flops.ledger import Ledger

Rule = Callable[[Ledger, tuple[Any, ...], Mapping[str, Any]], Any]
"""``rule(ledger, args, kwargs)`` books a call and returns its result, or `NotImplemented` and books nothing."""

_PYTHON_KEYS = torch._C.DispatchKeySet(torch._C.DispatchKey.Python).add(torch._C.DispatchKey.PythonTLSSnapshot)


def below_the_modes() -> Any:
    """Where tensors are made without the counting mode's notice."""
    return torch._C._ExcludeDispatchKeyGuard(_PYTHON_KEYS)


def made(ledger: Ledger, shape: tuple[int, ...], like: Tensor) -> Tensor:
    """A tensor of the meta device, without the counting mode's notice. Its memory is held."""
    with below_the_modes():
        out = torch.empty(shape, dtype=like.dtype, device="meta")
    ledger.hold(out, out.nbytes)
    return out


def made_like(ledger: Ledger, like: Tensor) -> Tensor:
    """A tensor of the shape of another, its axes in the same order of memory, as pointwise functions make it."""
    if like.is_contiguous():
        return made(ledger, like.shape, like)
    with below_the_modes():
        out = torch.empty_like(like)
    ledger.hold(out, out.nbytes)
    return out


def is_plain(tensor: Tensor) -> bool:
    """Whether a map is no map of channels last, which what is computed of it would become too."""
    return tensor.is_contiguous() or tensor.dim() != 4 or not tensor.is_contiguous(memory_format=torch.channels_last)
