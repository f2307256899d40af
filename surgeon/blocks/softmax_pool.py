"""Averaging a map with weights from a softmax over its pixels: what several attention blocks begin with."""

from __future__ import annotations

import torch
from torch import Tensor

from surgeon.blocks.common import no_autocast, widen


def softmax_pool(x: Tensor, logits: Tensor) -> Tensor:
    """Average ``x`` ``(B, C, H, W)`` over its pixels, weighted by the softmax of ``logits`` ``(B, 1, H, W)``.

    A 1x1 convolution of x that the definition averages so may run on the average instead: the weights sum to one.

    Args:
        x: The map.
        logits: One value a pixel.

    Returns:
        ``(B, C, 1, 1)``, of the type of ``x``. Inside is single precision at least: the weights of a large map are
        below half precision's range.
    """
    with no_autocast(x):
        weights = widen(logits).flatten(2).softmax(2)
        pooled = torch.bmm(weights, widen(x).flatten(2).transpose(1, 2))
    return pooled.transpose(1, 2).unsqueeze(3).to(x.dtype)
