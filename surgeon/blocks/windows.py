"""Attention in windows, where a recorded graph must serve every map size.

Windows are reshaped maps, and ``torch.export`` proves each reshape for every size in its range: with one window on a
side it cannot. There every pixel gathers its window's keys instead: the same numbers, no reshape by a size.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def exporting() -> bool:
    """Whether ``torch.export`` is recording."""
    return bool(torch.compiler.is_exporting())


def gathered(q: Tensor, k: Tensor, v: Tensor, index: Sequence[Tensor], bias: Sequence[Tensor] | None = None) -> Tensor:
    """Attend from every pixel to keys that it names.

    Args:
        q: Scaled queries ``(B, heads, d, N)``.
        k: Keys ``(B, heads, d, M)``.
        v: Values ``(B, heads, e, M)``.
        index: Which keys, in parts ``(N, n)`` of int64.
        bias: What is added to the logits, ``(heads, N, n)`` for each part.

    Returns:
        ``(B, heads, e, N)``.
    """
    logits = [(q.unsqueeze(4) * k[:, :, :, part]).sum(2) for part in index]
    if bias is not None:
        logits = [part + more for part, more in zip(logits, bias, strict=True)]
    weights = torch.softmax(torch.cat(logits, 3), 3)
    out, first = torch.zeros_like(q[:, :, :1]), 0
    for part in index:
        share = weights[:, :, :, first : first + part.shape[1]]
        out = out + (share.unsqueeze(2) * v[:, :, :, part]).sum(4)
        first += part.shape[1]
    return out
