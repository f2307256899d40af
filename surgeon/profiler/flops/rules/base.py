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


def made(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """A tensor of the meta device, without the counting mode's notice."""
    with below_the_modes():
        return torch.empty(shape, dtype=like.dtype, device="meta")


def nbytes(tensor: Tensor | None) -> int:
    """Bytes of a tensor."""
    return 0 if tensor is None else tensor.numel() * tensor.itemsize
