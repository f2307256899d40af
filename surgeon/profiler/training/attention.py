"""PyTorch's attention without data, as a device runs it: fused, so that no weight of a pair of tokens is kept.

On meta tensors PyTorch writes it out in matrix products and keeps all N x N weights, which no device does where its
fused kernel takes the operands.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def attend(  # noqa: PLR0917 - the signature is PyTorch's
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """``scaled_dot_product_attention``; fused where a CPU's kernel would take the operands."""
    aten: Any = torch.ops.aten
    if _fuses(query, key, value, attn_mask) and not dropout_p and not enable_gqa:
        fused = aten._scaled_dot_product_flash_attention_for_cpu
        return fused(query, key, value, dropout_p, is_causal, attn_mask=attn_mask, scale=scale)[0]
    return aten.scaled_dot_product_attention(
        query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa
    )


def _fuses(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> bool:
    tensors = (query, key, value)
    return (
        query.is_meta
        and all(one.dim() == 4 and one.stride(-1) == 1 and one.shape[-1] == query.shape[-1] for one in tensors)
        and not (mask is not None and mask.requires_grad)
    )
