"""ContextAggregation, plainly."""

from __future__ import annotations

from torch import Tensor

from plain.layers import conv
from surgeon.blocks.contextaggregation import ContextAggregation


def contextaggregation(m: ContextAggregation, x: Tensor) -> Tensor:
    gate = conv(m, "a", x).sigmoid()
    weights = conv(m, "k", x).flatten(2).softmax(2)
    context = conv(m, "v", x).flatten(2) @ weights.transpose(1, 2)
    return x + conv(m, "m", context.unsqueeze(3)) * gate
