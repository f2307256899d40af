"""Users' formulas of modules in a training step, which is counted as it runs.

As in an inference's ``executed``, operators that have formulas count by them, and the module's formula speaks for what
the others leave of it. It says nothing of a backward pass: that is taken as twice the rest, as of any product, and the
step's note names whose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from surgeon.profiler.flops.registry import by_formula, has_formula
from surgeon.profiler.flops.training_ledger import TrainingLedger


class StatedModules:
    """The modules of one step whose cost a user states.

    Args:
        ledger: The book of the step.
    """

    def __init__(self, ledger: TrainingLedger) -> None:
        self.ledger = ledger
        self.inside = False
        """Whether one of them is running: of several in each other the outermost speaks."""
        self._used: dict[str, None] = {}
        self._seen: dict[str, None] = {}
        self._derived: set[str] = set()

    def watched(self, path: str, module: nn.Module, forward: Callable[..., Any]) -> Callable[..., Any]:
        """The forward of a module, of one with a formula with that asked behind it."""
        if not has_formula(module):
            return forward
        book = _Book(self, path, module)
        stated = by_formula(module, forward, book)

        def given(*args: Any, **kwargs: Any) -> Any:
            book.reads_gradients = any(one.requires_grad for one in tree_leaves((args, kwargs)) if _is_tensor(one))
            return stated(*args, **kwargs)

        return given

    def book(self, path: str, module: nn.Module, rest: int, *, reads_gradients: bool) -> None:
        """A module's formula leaves something for the operators that nobody can count."""
        self._used[type(module).__name__] = None
        self.ledger.now.forward += rest
        in_backward = torch._C._current_autograd_node() is not None
        if not torch.is_grad_enabled() or (in_backward and path in self._derived):
            return  # activation checkpointing: the forward runs twice, and one of the two is derived
        if not in_backward:
            self._derived.add(path)
        parameters = list(module.parameters())
        trained = any(one.requires_grad for one in parameters)
        self.ledger.now.of_weights += rest * trained
        self.ledger.now.of_inputs += rest * reads_gradients * (1 if parameters else 2)

    def seen(self, module: nn.Module) -> None:
        """A module ran whose formula had nothing to add."""
        self._seen[type(module).__name__] = None

    def note(self) -> str:
        """What the reader of the step's figures must know of the formulas; empty without any."""
        parts = []
        if self._used:
            parts.append(
                f"; what no formula of an operator covers in {', '.join(self._used)} is taken from the formula "
                "registered for the module, and its backward as 2x that (1x where only inputs or only weights need "
                "a gradient)"
            )
        if others := [name for name in self._seen if name not in self._used]:
            parts.append(
                f"; the formula registered for {', '.join(others)} is not used, since all operators in it have "
                "formulas and were counted as they ran"
            )
        return "".join(parts)


class _Book:
    """What `by_formula` books one module in."""

    def __init__(self, stated: StatedModules, path: str, module: nn.Module) -> None:
        self._stated, self._path, self._module = stated, path, module
        self.reads_gradients = False

    @property
    def defined(self) -> bool:
        return self._stated.inside

    @contextmanager
    def stating(self) -> Iterator[Callable[[int], None]]:
        stated, reads_gradients = self._stated, self.reads_gradients
        before = stated.ledger.forward_macs
        stated.inside = True
        try:
            with stated.ledger.stating() as unknown:

                def state(macs: int) -> None:
                    rest = max(0, macs - (stated.ledger.forward_macs - before))
                    if unknown:
                        stated.book(self._path, self._module, rest, reads_gradients=reads_gradients)
                    else:
                        stated.seen(self._module)

                yield state
        finally:
            stated.inside = False


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor)
