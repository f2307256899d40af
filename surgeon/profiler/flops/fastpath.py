"""PyTorch's fused attention on the CPU, which hides its matrix products, switched off for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


@contextmanager
def without_fast_attention() -> Iterator[None]:
    """Keep ``nn.MultiheadAttention`` and ``nn.TransformerEncoderLayer`` off their fused path."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def would_be_fused(module: nn.MultiheadAttention, *inputs: Any, **named: Any) -> bool:
    """Whether PyTorch runs an attention in its fused form in inference: of one batched input, with an even head count.

    Args:
        module: The attention.
        *inputs: What it is called with: query, key, value.
        **named: The same by name, and whatever else.
    """
    left = (named[name] for name in ("query", "key", "value")[len(inputs) :])
    query, key, value = (*inputs, *left)[:3]
    return (
        query is key is value
        and query.dim() == 3
        and module.batch_first
        and module.num_heads % 2 == 0
        and module.in_proj_weight is not None
        and module.bias_k is None
        and module.bias_v is None
        and not module.add_zero_attn
    )
