"""FLOPs of the operators that have no MACs: normalisation, softmax, pooling, resampling, reductions, pointwise.

By convention, one FLOP for an output element of a pointwise operator and for an input element of a reduction or
pooling window; what is usually written with more is listed here. These are conventions, not counts of instructions:
they are shown apart from the exact MACs and only where asked for.
"""

from __future__ import annotations

import functools
import math
import re
from typing import Any

from torch import Tensor

FREE = re.compile(
    r"^(view|_unsafe_view|_reshape_alias|reshape|permute|transpose|t$|expand|alias|detach|slice|select|split|chunk|"
    r"unbind|squeeze|unsqueeze|as_strided|narrow|diagonal|unfold$|movedim|clone|_to_copy|copy|lift|contiguous|empty|"
    r"new_|zeros|ones|full|fill|zero|scalar_tensor|arange|linspace|rand|cat$|stack|index|gather|scatter|take|roll|flip|"
    r"constant_pad|pad|reflection_pad|replication_pad|im2col|pixel_|channel_shuffle|nonzero|item|_local_scalar|sym_|"
    r"set_|resize|is_|_assert|dropout|tril|triu|eye|masked_select|repeat|meshgrid|where|sort|argsort|topk|kthvalue)"
)
"""Operators that move, make or choose values and compute none."""

_PER_OUTPUT = (
    (re.compile(r"batch_norm"), 2),
    (re.compile(r"(layer|group|instance)_norm|rms_norm"), 8),
    (re.compile(r"softmax"), 5),
    (re.compile(r"upsample_bilinear|grid_sampler"), 11),
    (re.compile(r"upsample_bicubic"), 259),
    (re.compile(r"upsample_nearest"), 0),
)
_PER_INPUT = re.compile(
    r"^(sum|mean|amax|amin|max|min|norm|linalg_vector_norm|prod|var|std|logsumexp|cumsum|cumprod|all|any|argmax|"
    r"argmin|adaptive_.*pool|_adaptive_.*pool)"
)
_WINDOW = re.compile(r"^(max_pool|avg_pool)")


def elementwise_flops(name: str, out: Any, args: tuple[Any, ...]) -> int:
    """FLOPs of one call by the conventions above.

    Args:
        name: The operator without its namespace (``native_batch_norm``).
        out: What it returned.
        args: Its positional arguments.
    """
    kind, each = _kind(name)
    if kind == "free":
        return 0
    first = out[0] if isinstance(out, (tuple, list)) and out else out
    size = first.numel() if isinstance(first, Tensor) else 0
    if kind == "output":
        return each * size
    if kind == "window":
        window = args[1] if len(args) > 1 else 1
        return size * (window**2 if isinstance(window, int) else math.prod(window))
    read = args[0].numel() if args and isinstance(args[0], Tensor) else 0
    return max(read, size)


@functools.cache
def _kind(name: str) -> tuple[str, int]:
    """By what an operator is counted, and how much for each."""
    if FREE.match(name):
        return "free", 0
    for pattern, each in _PER_OUTPUT:
        if pattern.search(name):
            return "output", each
    if _WINDOW.match(name):
        return "window", 1
    return ("input", 1) if _PER_INPUT.match(name) else ("output", 1)
