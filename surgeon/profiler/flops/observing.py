"""Whoever else wants to follow a counting pass: the conventions of other counters do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from torch import nn


class Observer(Protocol):
    """What a pass reports to. All shapes are those of the pass; tensors need no data.

    `enter` and `leave` come around every module call that goes through ``module(...)``, as the hooks of other counters
    see it, and `function` after every function or method of a tensor that the network's code calls, not for those that
    such a function calls itself.
    """

    def enter(self, module: nn.Module) -> None:
        """A module call begins."""

    def leave(self, module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any], output: Any) -> None:
        """The innermost module call ended."""

    def function(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], output: Any) -> None:
        """A function call ended."""


Observe = Callable[[nn.Module], Observer]
"""A fresh observer of the network that is about to run."""


@contextmanager
def observed(network: nn.Module, observer: Observer) -> Iterator[None]:
    """Hooks on a twin that report module calls. A call that raises is not reported as ended, as with other counters.

    Args:
        network: The twin.
        observer: Told of the calls.
    """
    handles = []

    def start(module: nn.Module, args: tuple[Any, ...]) -> None:
        observer.enter(module)

    def end(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        observer.leave(module, args, kwargs, output)

    try:
        for module in network.modules():
            handles.append(module.register_forward_pre_hook(start))
            handles.append(module.register_forward_hook(end, with_kwargs=True))
        yield
    finally:
        for handle in handles:
            handle.remove()
