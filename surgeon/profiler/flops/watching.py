"""What stands in for the forward method of every module of a twin: it tells a `Ledger` which module runs.

No hooks: a hook does not see a module whose ``forward`` is called directly, and makes each call several times slower.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from surgeon.profiler.flops.fastpath import would_be_fused
from surgeon.profiler.flops.ledger import Ledger
from surgeon.profiler.flops.registry import by_formula, has_formula
from surgeon.profiler.flops.shortcuts import MAKERS

Shapes = dict[str, tuple[int, ...] | None]
"""Output shape of each module path that was asked for, None where the output is no single tensor."""


class Watcher:
    """Wraps forward methods; see `surgeon.profiler.flops.twin.Watch`.

    Args:
        ledger: Told of every start and end.
        asked: Paths whose output shape is noted.
        shortcuts: Whether frequent modules answer at once.
    """

    def __init__(self, ledger: Ledger, asked: Collection[str], *, shortcuts: bool = True) -> None:
        self._makers = MAKERS if shortcuts else {}
        self.shapes: Shapes = dict.fromkeys(asked)
        self._ledger = ledger
        self._silent: dict[type[nn.Module], bool] = {}

    def __call__(self, path: str, module: nn.Module, forward: Callable[..., Any]) -> Callable[..., Any]:
        """The function that stands in for ``forward``."""
        make = self._makers.get(type(module))
        if make is not None and path not in self.shapes and self._is_silent(module) and not module._forward_pre_hooks:
            quick = make(path, module, forward, self.ordinary, self._ledger)
            if quick is not None:
                return quick
        return self.ordinary(path, module, forward)

    def ordinary(self, path: str, module: nn.Module, forward: Callable[..., Any]) -> Callable[..., Any]:
        """As a call, for a module that does not answer at once."""
        enter, leave, shapes = self._ledger.enter, self._ledger.leave, self.shapes
        asked, definition = path in shapes, None
        if not self._is_silent(module):
            definition = None if has_formula(module) else _definition(module)
            forward = by_formula(module, forward, self._ledger)

        def watched(*args: Any, **kwargs: Any) -> Any:
            enter(path)
            try:
                if definition is not None:
                    self._define(definition, (args, kwargs))
                out = forward(*args, **kwargs)
            finally:
                leave()
            if asked:
                with torch._C.DisableTorchFunction():
                    shapes[path] = tuple(out.shape) if isinstance(out, Tensor) else None
            return out

        return watched if type(module) is not nn.MultiheadAttention else self._attention(module, watched)

    def _attention(self, module: nn.MultiheadAttention, watched: Callable[..., Any]) -> Callable[..., Any]:
        """The memory of `nn.MultiheadAttention` is that of its fused form where that is what runs."""
        ledger = self._ledger

        def attended(*args: Any, **kwargs: Any) -> Any:
            before = ledger.softmax_in_place
            ledger.softmax_in_place = would_be_fused(module, *args, **kwargs)
            try:
                return watched(*args, **kwargs)
            finally:
                ledger.softmax_in_place = before

        return attended

    def _is_silent(self, module: nn.Module) -> bool:
        """Whether nobody states what a module costs: neither its class, nor itself, nor a user's formula."""
        kind = type(module)
        silent = self._silent.get(kind)
        if silent is None:
            silent = self._silent[kind] = not (hasattr(kind, "definition_cost") or has_formula(module))
        return silent and "definition_cost" not in module.__dict__

    def _define(self, definition: Any, inputs: Any) -> None:
        """Where a module states what its definition costs, count that instead of what it executes."""
        if self._ledger.defined or not callable(definition):
            return
        with torch._C.DisableTorchFunction():
            image = next((leaf for leaf in tree_leaves(inputs) if isinstance(leaf, Tensor) and leaf.dim() == 4), None)
            if image is None:
                return
            batch, _, height, width = image.shape
        cost = definition(int(height), int(width))
        elementwise: Mapping[str, int] = cost.elementwise_macs
        self._ledger.define(int(cost.macs) * batch, {name: int(n) * batch for name, n in elementwise.items()})


def _definition(module: nn.Module) -> Any:
    """What a module says of its cost; asked of its class first, for ``nn.Module`` is slow to say that it has none."""
    if hasattr(type(module), "definition_cost"):
        return module.definition_cost
    return module.__dict__.get("definition_cost")
