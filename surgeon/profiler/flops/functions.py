"""The mode that answers the frequent functions of a network by `RULES`, above the mode that sees operators.

It also tells an observer of every call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch.overrides import TorchFunctionMode

from surgeon.profiler.flops.ledger import Ledger
from surgeon.profiler.flops.observing import Observer
from surgeon.profiler.flops.rules.table import RULES


class FunctionMode(TorchFunctionMode):
    """Answers what has a rule.

    Args:
        ledger: Where to book.
        observer: Told of every call.
        ruled: Whether rules answer at all.
    """

    def __init__(self, ledger: Ledger, observer: Observer | None = None, *, ruled: bool = True) -> None:
        super().__init__()
        self._ledger, self._observer = ledger, observer
        self._rules = RULES if ruled else {}

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Use the rule of ``func`` where it has one that applies."""
        kwargs = kwargs or {}
        rule = self._rules.get(func)
        out = NotImplemented if rule is None else rule(self._ledger, args, kwargs)
        if out is NotImplemented:
            out = func(*args, **kwargs)
        if self._observer is not None:
            self._observer.function(func, args, kwargs, out)
        return out
