"""The gate that makes a planted block harmless until training opens it.

``y = lerp(x, f(x), g)`` with one learnable value g per channel: g = 0 is exactly the identity, g = 1 exactly the
block, bit for bit, in every floating-point type. f must be finite, because lerp with an infinite f is NaN.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

GATE_NAME = "gate_logit_scale"
"""Name of the gate's parameter.

Ultralytics' optimizer puts one-dimensional parameters whose name contains ``logit_scale`` into its group without
weight decay and without the raised learning rate of the bias warm-up. ``bias`` in the name would avoid the decay
too, but start the gate at ``warmup_bias_lr`` (0.1).
"""


def gated(x: Tensor, fx: Tensor, gate: Tensor) -> Tensor:
    """Blend a feature map with a block's output.

    Args:
        x: Input of the block, ``(B, C, H, W)``.
        fx: Output of the block, same shape.
        gate: One value a channel, ``(C,)``.

    Returns:
        ``x + gate · (fx − x)``, ``(B, C, H, W)``, in the type of ``x``.
    """
    return torch.lerp(x, fx.to(x.dtype), gate.to(x.dtype).view(1, -1, 1, 1))


def closed_gate(channels: int) -> nn.Parameter:
    """A gate that lets nothing of the block through: zeros, ``(C,)``."""
    return nn.Parameter(torch.zeros(channels))
