"""Which functional products ultralytics-thop counts, and how. Every other function call is free to it (F.conv2d is)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.nn import functional as F

from surgeon.profiler.flops.conventions.attention import functional_attention

Product = Callable[[Sequence[Any], Mapping[str, Any], Any], int]
"""``product(args, kwargs, output)``: operations of one call."""

_SUMMED = "..."


def matrix_product(args: Sequence[Any], kwargs: Mapping[str, Any], output: Any) -> int:
    """The length of the contracted axis for every output element."""
    first = args[0] if args else kwargs["input"]
    return int(output.numel()) * int(first.shape[-1])


def dot_product_attention(args: Sequence[Any], kwargs: Mapping[str, Any], output: Any) -> int:
    """Query times key and weights times value."""
    query, key, value = (args[i] if i < len(args) else kwargs[name] for i, name in enumerate(("query", "key", "value")))
    rows = int(output.numel()) // int(value.shape[-1])
    return rows * int(key.shape[-2]) * (int(query.shape[-1]) + int(value.shape[-1]))


def attention_forward(args: Sequence[Any], kwargs: Mapping[str, Any], output: Any) -> int:
    """``F.multi_head_attention_forward``."""
    return functional_attention(args, output)


def einsum(args: Sequence[Any], kwargs: Mapping[str, Any], output: Any) -> int:
    """Two operands: the product of all lengths that meet. One operand multiplies nothing, three or more are ignored."""
    equation, *operands = args
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = list(operands[0])
    if len(operands) != 2:
        return 0
    left, arrow, kept = equation.replace(" ", "").partition("->")
    if not arrow:
        kept = _SUMMED + "".join(label for label in left if left.count(label) == 1)
    first, second = (_lengths(labels, t) for labels, t in zip(left.split(","), operands, strict=False))
    total = 1
    for label in first.keys() | second.keys():
        # What one operand has alone is summed away before the product, unless the result keeps it.
        if (label in first and label in second) or (label if isinstance(label, str) else _SUMMED) in kept:
            total *= first[label] if label in first else second[label]
    return total


def _lengths(labels: str, tensor: Any) -> dict[str | int, int]:
    """Length of each axis longer than 1, by its label; those of an ellipsis by their place from the right."""
    head, _, tail = labels.partition(_SUMMED)
    hidden = range(tensor.dim() - len(head) - len(tail), 0, -1)
    return {k: int(n) for k, n in zip([*head, *hidden, *tail], tensor.shape, strict=False) if n != 1}


PRODUCTS: dict[Any, Product] = {
    torch.matmul: matrix_product,
    torch.Tensor.matmul: matrix_product,
    torch.Tensor.__matmul__: matrix_product,
    torch.bmm: matrix_product,
    torch.Tensor.bmm: matrix_product,
    F.linear: matrix_product,
    torch.einsum: einsum,
    F.multi_head_attention_forward: attention_forward,
    F.scaled_dot_product_attention: dot_product_attention,
}
"""By the function as a ``TorchFunctionMode`` sees it."""
