"""CUDA without a GPU: tensors that have a device, a shape and a type, and no data.

PyTorch's fake tensors answer every operator with what CUDA would give back, and raise where tensors of two devices
meet or where the host asks for a value, which on a GPU waits for it. Numbers, kernels and times are not seen here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

TYPE = torch.float16
"""The type to which `autocast` narrows."""


class OnTheHost(TorchDispatchMode):
    """Collects the operators that read or make a tensor which is not on CUDA."""

    def __init__(self) -> None:
        super().__init__()
        self.operators: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        tensors = [leaf for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, Tensor)]
        if any(tensor.device.type != "cuda" for tensor in tensors):
            self.operators.append(str(func))
        return result


@contextmanager
def fake_cuda() -> Iterator[OnTheHost]:
    """Make new tensors fake; what is computed on the host inside is listed in the result."""
    watch = OnTheHost()
    # cuDNN's grid sampler has no fake form; PyTorch's own CUDA kernel has.
    with torch.backends.cudnn.flags(enabled=False), FakeTensorMode(), watch:
        yield watch


def to_cuda(module: nn.Module, dtype: torch.dtype | None = None) -> nn.Module:
    """Move parameters and buffers, as ``module.to("cuda", dtype)`` does, and nothing else that a module may hold."""
    for layer in module.modules():
        for name, old in [*layer._parameters.items(), *layer._buffers.items()]:
            if old is None:
                continue
            kind = dtype if dtype is not None and old.is_floating_point() else old.dtype
            new = torch.empty(old.shape, dtype=kind, device="cuda")
            if name in layer._parameters:
                layer._parameters[name] = nn.Parameter(new, requires_grad=old.requires_grad)
            else:
                layer._buffers[name] = new
    return module


@contextmanager
def autocast() -> Iterator[None]:
    """``torch.autocast("cuda", TYPE)``, which switches itself off where there is no GPU."""
    before = torch.is_autocast_enabled("cuda"), torch.get_autocast_dtype("cuda")
    torch.set_autocast_enabled("cuda", True)
    torch.set_autocast_dtype("cuda", TYPE)
    try:
        yield
    finally:
        torch.set_autocast_enabled("cuda", before[0])
        torch.set_autocast_dtype("cuda", before[1])
        torch.clear_autocast_cache()


def gradients(of: Tensor) -> dict[Tensor, Tensor]:
    """The gradient of each leaf, for a gradient of ones.

    The engine behind ``backward`` asks the driver for its streams, so the recorded operators are called one by one:
    the latest first, which is an order in which every operator comes after all that read its result.
    """
    assert of.grad_fn is not None, "nothing to derive"
    waiting: dict[Any, dict[int, Tensor]] = {of.grad_fn: {of.output_nr: torch.ones_like(of)}}
    found: dict[Tensor, Tensor] = {}
    while waiting:
        node = max(waiting, key=lambda n: -1 if hasattr(n, "variable") else n._sequence_nr())
        given = waiting.pop(node)
        if hasattr(node, "variable"):
            found[node.variable] = given[0]
            continue
        result = node(*(given.get(index) for index in range(len(node._input_metadata))))
        results = result if isinstance(result, tuple) else (result,)
        for (following, index), passed in zip(node.next_functions, results, strict=True):
            if following is None or passed is None:
                continue
            wanted = following._input_metadata[index]
            broadcast = tuple(passed.shape) != tuple(wanted.shape)
            gradient = (passed.sum_to_size(wanted.shape) if broadcast else passed).to(wanted.dtype)
            slot = waiting.setdefault(following, {})
            slot[index] = slot[index] + gradient if index in slot else gradient
    return found
