"""What stands in for the forward method of every module of a twin: it tells a `Ledger` which module runs.

No hooks: a hook does not see a module whose ``forward`` is called directly, and makes each call several times slower.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from surgeon.profiler.flops.ledger import Ledger
from surgeon.profiler.flops.registry import by_formula, has_formula
from surgeon.profiler.flops.shortcuts import shortcut

Shapes = dict[str, tuple[int, ...] | None]
"""Output shape of each module path that was asked for, None where the output is no single tensor."""


class Watcher:
    """Wraps forward methods; see `surgeon.profiler.flops.twin.Watch`.

    Args:
        ledger: Told of every start and end.
        asked: Paths whose output shape is noted.
        shortcuts: Whether frequent modules ask their rules at once.
    """

    def __init__(self, ledger: Ledger, asked: Collection[str], *, shortcuts: bool = True) -> None:
        self._shortcuts = shortcuts
        self.shapes: Shapes = dict.fromkeys(asked)
        self._ledger = ledger
        self._places: dict[str, dict[str, str]] = {}
        self._silent: set[type[nn.Module]] = set()
        """Classes that say nothing of their cost, and that no formula speaks for."""

    def also(self, first: str, path: str) -> None:
        """A module is in a second place; see `surgeon.profiler.flops.twin.Also`."""
        places = self._places.setdefault(first, {_parent(first): first})
        places[_parent(path)] = path

    def _place(self, path: str) -> str:
        """Under which of a shared module's paths it is called now: the one inside the module that runs."""
        places, running = self._places[path], self._ledger.path
        if running in places:
            return places[running]
        return next((place for place in places.values() if place.startswith(f"{running}.")), path)

    def __call__(self, path: str, module: nn.Module, forward: Callable[..., Any]) -> Callable[..., Any]:
        """The function that stands in for ``forward``."""
        enter, leave, shapes, places = self._ledger.enter, self._ledger.leave, self.shapes, self._places
        asked = path in shapes
        definition, kind = None, type(module)
        if self._shortcuts:
            forward = shortcut(module, forward, self._ledger)
        if kind not in self._silent or "definition_cost" in module.__dict__:
            definition = None if has_formula(module) else _definition(module)
            told = by_formula(module, forward, self._ledger)
            if definition is None and told is forward:
                self._silent.add(kind)
            forward = told

        def watched(*args: Any, **kwargs: Any) -> Any:
            enter(self._place(path) if path in places else path)
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

        return watched

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


def _parent(path: str) -> str:
    return path.rpartition(".")[0]
