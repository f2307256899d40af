"""Small networks that counters of MACs get wrong, each with its MACs written by hand in closed form.

Every probe reads one image of 1x64x20x20. What counts is what convolutions, linear layers, matrix products and
attention multiply and add; what is elementwise by convention (normalisation, softmax, pooling, resampling, multiply and
sum, Fourier transforms) does not. Functions and plain tensors are used on purpose: that is where counters fail.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from . import attention, convolutions, operators
from .parts import CHANNELS, SIDE, Probe

PROBES: tuple[Probe, ...] = (*convolutions.PROBES, *attention.PROBES, *operators.PROBES)
SHAPE = (1, CHANNELS, SIDE, SIDE)

_WORK = re.compile(
    r"conv|matmul|mm\b|mm_|\bmv\b|addmv|dot\b|linear|einsum|attention|Attention|multi_head|transformer_encoder|lstm|gru\b"
    r"|rnn|LSTM|GRU|RNN|_dist\b|cdist|trilinear|\bbilinear|Bilinear|linalg|inv\b|sparse|mix\b|mix_opened|scaled_dot|mkldnn"
)
"""Operators and modules that multiply matrices: to name one as uncounted is a warning that the figure lacks it."""

__all__ = ["PROBES", "SHAPE", "Probe", "verdict"]


def verdict(probe: Probe, macs: int | None, named: Sequence[str], tolerance: float = 0.0) -> str:
    """Judge a counter's figure.

    Args:
        probe: What was counted.
        macs: The figure, None where the counter failed.
        named: Operators or modules that the counter lists as uncounted.
        tolerance: How far off, relatively, still counts as ``near``.

    Returns:
        ``exact``; ``flagged`` (off, and an operator that multiplies is named as uncounted); ``failed``; ``near``;
        ``wrong``, without a word.
    """
    if macs is None:
        return "failed"
    if macs in probe.right:
        return "exact"
    if any(_WORK.search(name) for name in named):
        return "flagged"
    near = any(abs(macs - right) <= tolerance * right for right in probe.right)
    return "near" if near else "wrong"
