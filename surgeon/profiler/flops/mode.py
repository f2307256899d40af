"""Dispatch modes that see every operator of a pass, composites opened; the counting one books a forward's MACs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_any, tree_map_only

from surgeon.profiler.flops.elementwise import elementwise_flops
from surgeon.profiler.flops.formula import Formula
from surgeon.profiler.flops.formulas import is_uncountable, operator_name
from surgeon.profiler.flops.kernels import result_of
from surgeon.profiler.flops.ledger import Ledger
from surgeon.profiler.flops.traffic import allocated, moved, only_looks

_KEPT = "aten::upsample_"
"""Start of the names of composites that are not opened: on meta tensors PyTorch opens them into arithmetic on indices,
which no real device runs."""


class OperatorMode(TorchDispatchMode):  # type: ignore[no-untyped-call, unused-ignore]
    """Runs every operator below it and tells `ran`.

    Args:
        formulas: MAC formulas by operator name; what has one is not opened.
        meta: Whether the pass runs on meta tensors. CPU constants that meet a meta tensor (anchors, strides) are then
            taken as meta too, instead of failing for two devices.
    """

    supports_higher_order_operators = True

    def __init__(self, formulas: Mapping[str, Formula], *, meta: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]
        self._formulas = formulas
        self._meta = meta

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled here; PyTorch would import its compiler (seconds) to switch it off."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Open composites, run everything else, and tell what ran."""
        kwargs = kwargs or {}
        name = operator_name(func)
        formula = self._formulas.get(name)
        if formula is None and isinstance(func, torch._ops.OpOverload) and self.opens(func, name):
            with self:
                opened = func.decompose(*args, **kwargs)
            if opened is not NotImplemented:
                return opened
        out = NotImplemented
        if self._meta:
            args, kwargs = _on_meta(args, kwargs)
            out = NotImplemented if types else result_of(func, args, kwargs)
        if out is NotImplemented:
            out = func(*args, **kwargs)
        self.ran(func, formula, out, args, kwargs)
        return out

    def opens(self, func: Any, name: str) -> bool:
        """Whether an operator that is a composite is opened into what it is made of."""
        return not name.startswith(_KEPT)

    def ran(
        self, func: Any, formula: Formula | None, out: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        """An operator ran."""
        raise NotImplementedError


class CountingMode(OperatorMode):  # type: ignore[no-untyped-call, unused-ignore]
    """Books every operator below it on a `Ledger`.

    Args:
        ledger: Where to book.
        formulas, meta: As in `OperatorMode`.
    """

    def __init__(self, ledger: Ledger, formulas: Mapping[str, Formula], *, meta: bool) -> None:
        super().__init__(formulas, meta=meta)
        self._ledger = ledger

    def ran(
        self, func: Any, formula: Formula | None, out: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        """Book it."""
        name = operator_name(func)
        if formula is None and is_uncountable(func):
            self._ledger.book_uncounted(name)
            return
        operator = name.partition("::")[2] or name
        macs = formula(out, args, kwargs) if formula is not None else 0
        flops = 0 if formula is not None else elementwise_flops(operator, out, args)
        if macs or flops or not only_looks(func, operator):
            self._ledger.book(operator, macs, flops, *moved(operator, out, args, kwargs))
            allocated(self._ledger, func, operator, out, args)


def _on_meta(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Move CPU tensors to meta where another argument is there already; 0-dimensional ones may stay."""
    if not tree_any(lambda leaf: isinstance(leaf, Tensor) and leaf.is_meta, (args, kwargs)):
        return args, kwargs
    moved: tuple[tuple[Any, ...], dict[str, Any]] = tree_map_only(Tensor, _to_meta, (args, kwargs))
    return moved


def _to_meta(tensor: Tensor) -> Tensor:
    if tensor.is_meta or tensor.dim() == 0:
        return tensor
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")
