"""The dispatch mode of a training step's memory: every result is alive until its storage dies."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from surgeon.profiler.flops.formula import Formula
from surgeon.profiler.flops.formulas import operator_name
from surgeon.profiler.flops.mode import OperatorMode
from surgeon.profiler.flops.traffic import only_looks
from surgeon.profiler.training.live import Held, LiveBytes


class MemoryMode(OperatorMode):  # type: ignore[no-untyped-call, unused-ignore]
    """Counts what is alive, in forward and backward.

    Args:
        live: Where it is counted.
        given: Tensors that were there before the step (the image, parameters, buffers, gradients): not counted.
        meta: As in `OperatorMode`.
    """

    def __init__(self, live: LiveBytes, given: Iterable[Tensor], *, meta: bool) -> None:
        super().__init__({}, meta=meta)
        self._live = live
        self._rests = False
        for tensor in given:
            share(None, tensor)

    def opens(self, func: Any, name: str) -> bool:
        """Not what real devices run whole: the parts' results would never be there (``silu_backward``)."""
        return super().opens(func, name) and not _runs_whole(func)

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Count nothing that is made meanwhile."""
        before, self._rests = self._rests, True
        try:
            yield
        finally:
            self._rests = before

    def ran(
        self, func: Any, formula: Formula | None, out: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        """Count the memory of what an operator returned, once a storage."""
        operator = operator_name(func).partition("::")[2]
        if self._rests or only_looks(func, operator):
            return
        results = [leaf for leaf in tree_leaves(out) if isinstance(leaf, Tensor)]
        for result in results:
            storage: Any = result.untyped_storage()
            if not hasattr(storage, "held"):
                storage.held = self._live.taken(storage.nbytes())
        if operator == "convolution_backward" and isinstance(out[1], Tensor):
            # A CPU computes a weight's gradient in a layout of its own and copies it; both are there for a moment.
            self._live.pass_by(out[1].nbytes)


@functools.cache
def _runs_whole(func: Any) -> bool:
    native: Any = torch._C
    return bool(native._dispatch_has_kernel_for_dispatch_key(func.name(), "CPU"))


def held_by(tensor: Tensor) -> Held | None:
    """What stands for the memory of a tensor, None where that is not counted."""
    held: Held | None = getattr(tensor.untyped_storage(), "held", None)
    return held


def share(held: Held | None, tensor: Tensor) -> None:
    """Let a tensor stand for memory that is counted already, or for none."""
    storage: Any = tensor.untyped_storage()
    storage.held = held
