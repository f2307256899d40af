"""The mode that answers the frequent functions of a network by `RULES`, above the mode that sees operators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch.overrides import TorchFunctionMode

from surgeon.profiler.flops.ledger import Ledger
from surgeon.profiler.flops.rules.table import RULES


class FunctionMode(TorchFunctionMode):
    """Answers what has a rule.

    Args:
        ledger: Where to book.
    """

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self._ledger = ledger

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Use the rule of ``func`` where it has one that applies."""
        kwargs = kwargs or {}
        rule = RULES.get(func)
        if rule is not None:
            out = rule(self._ledger, args, kwargs)
            if out is not NotImplemented:
                return out
        return func(*args, **kwargs)
