"""Books what thop would count while a network runs. It is told of calls, and knows nothing of who tells it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from torch import nn

from surgeon.profiler.flops.arguments import in_order
from surgeon.profiler.flops.conventions.figure import Observation
from surgeon.profiler.flops.conventions.products import PRODUCTS
from surgeon.profiler.flops.conventions.rules import Rule, rule_of
from surgeon.profiler.flops.observing import Observer


class CountingObserver(Observer, Protocol):
    """An observer that counts by another counter's rules."""

    def observation(self) -> Observation:
        """What was counted so far."""


class ThopObserver:
    """Counts as the installed generation of ultralytics-thop does.

    Args:
        network: The network whose pass is observed. Modules that it gains while it runs are not counted by a rule.
    """

    def __init__(self, network: nn.Module) -> None:
        self._paths = {id(module): path for path, module in network.named_modules()}
        self._rules = {id(module): rule_of(type(module)) for module in network.modules()}
        self._running = [""]
        self._ruled = 0
        self._work: dict[str, float] = {}
        self._functional = 0.0

    def enter(self, module: nn.Module) -> None:
        """A module call begins: under a rule, what it calls functionally is that rule's business."""
        self._running.append(self._paths.get(id(module), self._running[-1]))
        self._ruled += self._rule(module) is not None

    def leave(self, module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any], output: Any) -> None:
        """The innermost module call ended."""
        rule = self._rule(module)
        if rule is not None:
            self._book(rule(module, in_order(module, args, kwargs), output))
            self._ruled -= 1
        self._running.pop()

    def function(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], output: Any) -> None:
        """A function call ended: a product counts where no rule is at work."""
        if self._ruled:
            return
        try:
            product = PRODUCTS.get(func)
        except TypeError:  # some functions of foreign tensor types are not hashable
            return
        if product is not None:
            work = product(args, kwargs, output)
            self._functional += work
            self._book(work)

    def observation(self) -> Observation:
        """What was counted so far."""
        return Observation(by_module=dict(self._work), functional=self._functional)

    def _rule(self, module: nn.Module) -> Rule | None:
        return self._rules.get(id(module))

    def _book(self, work: float) -> None:
        path = self._running[-1]
        self._work[path] = self._work.get(path, 0) + work


class LegacyObserver:
    """Counts as ultralytics-thop 2.0 did: rules by exact type, no functional products.

    It put its hook on a shared module once for each of its parents and added the result for each of them again, so a
    module that p parents share counts p² times.

    Args:
        network: The network whose pass is observed.
        rules: One of `legacy_rules.RELEASES`.
    """

    def __init__(self, network: nn.Module, rules: Mapping[type[nn.Module], Rule | None]) -> None:
        self._rules = rules
        self._paths = {id(module): path for path, module in network.named_modules()}
        self._parents = Counter(id(module) for _, module in network.named_modules(remove_duplicate=False))
        self._work: dict[str, float] = {}

    def enter(self, module: nn.Module) -> None:
        """A module call begins."""

    def leave(self, module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any], output: Any) -> None:
        """The innermost module call ended."""
        rule = self._rules.get(type(module))
        path = self._paths.get(id(module))
        if rule is not None and path is not None:
            work = rule(module, args, output) * self._parents[id(module)] ** 2
            self._work[path] = self._work.get(path, 0) + work

    def function(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], output: Any) -> None:
        """Functions were not seen."""

    def observation(self) -> Observation:
        """What was counted so far."""
        return Observation(by_module=dict(self._work), functional=0)


MakeObserver = Callable[[nn.Module], CountingObserver]
"""A fresh observer of the network that is about to run."""
