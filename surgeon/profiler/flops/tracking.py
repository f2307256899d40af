"""Hooks that tell a `Ledger` which module runs. They are put on a throwaway copy, never on the user's model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from surgeon.profiler.flops.ledger import Ledger

Shapes = dict[str, tuple[int, ...] | None]
"""Output shape of each module path that was asked for, None where the output is no single tensor."""


@contextmanager
def tracked(module: nn.Module, ledger: Ledger, shapes: Shapes) -> Iterator[None]:
    """Report every submodule's start and end to ``ledger``, and note output shapes of the paths in ``shapes``."""
    handles = []
    try:
        for path, submodule in module.named_modules():
            handles.append(submodule.register_forward_pre_hook(_starter(path, ledger), with_kwargs=True, prepend=True))
            handles.append(submodule.register_forward_hook(_ender(path, ledger, shapes), always_call=True))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _starter(path: str, ledger: Ledger) -> Any:
    def start(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        ledger.enter(path)
        if not ledger.defined:
            _apply_definition(module, (args, kwargs), ledger)

    return start


def _ender(path: str, ledger: Ledger, shapes: Shapes) -> Any:
    def end(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        ledger.leave()
        if path in shapes:
            shapes[path] = tuple(output.shape) if isinstance(output, Tensor) else None

    return end


def _apply_definition(module: nn.Module, inputs: Any, ledger: Ledger) -> None:
    """Where a module states what its definition costs, count that instead of what it executes."""
    definition = getattr(module, "definition_cost", None)
    image = next((leaf for leaf in tree_leaves(inputs) if isinstance(leaf, Tensor) and leaf.dim() == 4), None)
    if not callable(definition) or image is None:
        return
    batch, _, height, width = image.shape
    cost = definition(int(height), int(width))
    elementwise: Mapping[str, int] = cost.elementwise_macs
    ledger.define(int(cost.macs) * batch, {name: int(amount) * batch for name, amount in elementwise.items()})
