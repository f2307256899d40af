"""Bytes that one call of an operator moves, and what it allocates.

Bytes moved: each operand is read once and each result written once, as unfused eager operators do it; nothing stays in
a cache from one operator to the next. Axes that only repeat an operand (``expand``) are read once; what looks
values up reads those it takes; what fills reads nothing.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from surgeon.profiler.flops.ledger import Ledger
from surgeon.profiler.flops.liveness import Allocation

_READS_NOTHING = re.compile(
    r"^(new_|empty|zeros|ones|full|fill|zero|rand|arange|bernoulli_|normal_|uniform_|exponential_)"
)
_WRITES_NOTHING = re.compile(r"^(new_)?empty")
_LOOKS_UP = re.compile(r"^_?(unsafe_)?(index$|index_select|gather|embedding|take|masked_select)")
_VIEWS = frozenset({"_unsafe_view", "_reshape_alias"})
"""What only looks at memory without saying so in its schema."""

_SOFTMAX = frozenset({"_softmax", "_safe_softmax"})

_FIRST_ALONE = re.compile(r"batch_norm")
"""What has further results that evaluation does not write (the statistics of the batch)."""

_COPIES_STRIDED = frozenset(
    {"_softmax", "_log_softmax", "native_layer_norm", "native_group_norm", "convolution", "max_pool2d_with_indices"}
    | {f"upsample_{kind}2d" for kind in ("nearest", "bilinear", "bicubic")}
)
"""What makes its first operand contiguous before it starts."""


def moved(operator: str, out: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[int, int]:
    """Bytes read and bytes written by one call.

    Args:
        operator: Its name without the namespace (``native_batch_norm``).
        out: What it returned.
        args: Its positional arguments.
        kwargs: Its keyword arguments.
    """
    kind = _kind(operator)
    results = [leaf for leaf in tree_leaves(out) if isinstance(leaf, Tensor)]
    written = 0 if kind == "empty" else sum(map(read_bytes, results[:1] if kind == "first" else results))
    if kind in ("fill", "empty"):
        return 0, written
    operands = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    if kind == "copy":  # a copy overwrites its first operand, it does not read it
        return sum(map(read_bytes, operands[1:])), written
    if kind == "look up" and operands:  # an embedding's indices come second as well
        return sum(map(read_bytes, operands[1:])) + written, written
    return sum(map(read_bytes, operands)), written


def read_bytes(tensor: Tensor | None) -> int:
    """Bytes of an operand, without the axes that only repeat it."""
    if tensor is None:
        return 0
    size = tensor.nbytes
    if tensor.is_contiguous():
        return size
    for side, stride in zip(tensor.shape, tensor.stride(), strict=True):
        if not stride and side:
            size //= side
    return size


def allocated(ledger: Ledger, func: Any, operator: str, out: Any, args: tuple[Any, ...]) -> None:
    """Tell the ledger of the memory that one call took.

    Args:
        ledger: Where to book.
        func: The operator.
        operator: Its name without the namespace.
        out: What it returned.
        args: Its positional arguments.
    """
    if not _is_fresh(func) or operator in _VIEWS:
        return
    if ledger.softmax_in_place and operator in _SOFTMAX:
        storage = args[0].untyped_storage()
        if hasattr(storage, "held"):
            out.untyped_storage().held = storage.held
            return
    for leaf in tree_leaves(out):
        if isinstance(leaf, Tensor):
            ledger.hold(leaf, leaf.nbytes)
    if operator in _COPIES_STRIDED:
        ledger.pass_by(strided_copy(args[0]))


def strided_copy(operand: Tensor) -> int:
    """Bytes of the contiguous copy on which an operator works that cannot work on strides; 0 where it needs none."""
    if operand.is_contiguous() or (operand.dim() == 4 and operand.is_contiguous(memory_format=torch.channels_last)):
        return 0
    return operand.nbytes


def held_by(outputs: Any) -> list[Allocation]:
    """The memory of what a network returned."""
    with torch._C.DisableTorchFunction():
        storages = [leaf.untyped_storage() for leaf in tree_leaves(outputs) if isinstance(leaf, Tensor)]
    return [storage.held for storage in storages if hasattr(storage, "held")]


def only_looks(func: Any, operator: str) -> bool:
    """Whether an operator only looks at memory that is there."""
    return operator in _VIEWS or _aliases(func)


@functools.cache
def _aliases(func: Any) -> bool:
    schema = getattr(func, "_schema", None)
    if schema is None or not schema.returns:
        return True
    return all(one.alias_info is not None and not one.alias_info.is_write for one in schema.returns)


@functools.cache
def _is_fresh(func: Any) -> bool:
    """Whether the results have memory of their own: neither views nor an operand that was written to."""
    schema = getattr(func, "_schema", None)
    return schema is None or any(one.alias_info is None for one in schema.returns)


@functools.cache
def _kind(operator: str) -> str:
    """How the bytes of an operator are found."""
    if _WRITES_NOTHING.match(operator):
        return "empty"
    if operator == "copy_":
        return "copy"
    if _READS_NOTHING.match(operator):
        return "fill"
    if _LOOKS_UP.match(operator):
        return "look up"
    return "first" if _FIRST_ALONE.search(operator) else "all"
