"""What ultralytics-thop counts for multi-head attention: projections, both products, softmax."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def module_attention(module: Any, inputs: Sequence[Any], output: Any) -> int:
    """One call of ``nn.MultiheadAttention``."""
    return _attention(
        inputs,
        output,
        width=int(module.embed_dim),
        heads=int(module.num_heads),
        key_and_value_width=int(module.kdim) + int(module.vdim),
        appended=(module.bias_k is not None) + bool(module.add_zero_attn),
        batch_first=bool(module.batch_first),
    )


def functional_attention(args: Sequence[Any], output: Any) -> int:
    """One call of ``F.multi_head_attention_forward``, whose first ten arguments PyTorch passes by position."""
    _, key, value, width, heads, _, _, bias_k, _, add_zero_attn = args[:10]
    return _attention(
        args,
        output,
        width=int(width),
        heads=int(heads),
        key_and_value_width=int(key.shape[-1]) + int(value.shape[-1]),
        appended=(bias_k is not None) + bool(add_zero_attn),
        batch_first=False,
    )


def _attention(
    inputs: Sequence[Any],
    output: Any,
    *,
    width: int,
    heads: int,
    key_and_value_width: int,
    appended: int,
    batch_first: bool,
) -> int:
    """Shapes are ``(L, N, E)``, ``(N, L, E)`` with the batch first, or ``(L, E)``.

    Args:
        inputs: Query, key and value first; the key is read where no weights come out.
        output: The result, or it and the weights.
        width: E, channels of the query and of the result.
        heads: Number of heads.
        key_and_value_width: Channels of key and value together.
        appended: Key positions that the module adds behind the projections.
        batch_first: Which of the layouts.
    """
    result, weights = output if isinstance(output, tuple) else (output, None)
    single = result.dim() == 2
    axis = -2 if batch_first or single else 0
    queries = int(result.shape[axis])
    batch = 1 if single else int(result.shape[0 if batch_first else 1])
    # By the key's own number of axes, as thop reads it.
    keys = (
        int(inputs[1].shape[-2 if batch_first or inputs[1].dim() == 2 else 0]) + appended
        if weights is None
        else int(weights.shape[-1])
    )
    projections = width * (2 * queries * width + (keys - appended) * key_and_value_width)
    products = 2 * queries * keys * width
    rows = batch * heads * queries
    return batch * (projections + products) + rows * (2 * keys + max(keys - 1, 0))
