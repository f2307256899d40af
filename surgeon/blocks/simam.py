"""SimAM: attention without parameters, from each pixel's distance to its channel's mean.

Paper: SimAM, ICML 2021 (PMLR 139), equations 5 and 6. Definition followed: https://github.com/ZjjConan/SimAM,
``networks/attentions/simam_module.py``. The variance is the unbiased one; a single pixel counts as its own mean.
"""

from __future__ import annotations

import torch
from torch import Tensor

from surgeon.blocks.catalog.simam import INFO
from surgeon.blocks.common import Block, freedom, one_graph, widen


class SimAM(Block):
    """``d = (x - mean(x))²``, ``out = x * sigmoid(d / (4 (sum(d) / (N - 1) + e_lambda)) + 1/2)``, N pixels."""

    info = INFO

    def __init__(self, in_channels: int, out_channels: int | None = None, *, e_lambda: float = 1e-4) -> None:
        """Store the regulariser.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            e_lambda: Added to the variance.

        Raises:
            BlockError: A setting does not work.
        """
        super().__init__(in_channels, out_channels, {"e_lambda": e_lambda})
        self.e_lambda = float(self.settings["e_lambda"])

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        wide = widen(x)
        away = wide - wide.mean((2, 3), keepdim=True)
        if torch.is_grad_enabled() or one_graph():
            away = away.square()
            return (wide * (away / self._scale(x, away) + 0.5).sigmoid()).to(x.dtype)
        # The same in the memory of one map: on large ones, fresh memory costs more than the arithmetic.
        away.square_()
        return away.div_(self._scale(x, away)).add_(0.5).sigmoid_().mul_(wide).to(x.dtype)

    def _scale(self, x: Tensor, squares: Tensor) -> Tensor:
        """Four times the regularised variance of each channel."""
        variance: Tensor = squares.sum((2, 3), keepdim=True) / freedom(x)
        return 4 * (variance + self.e_lambda)
