"""CBAM: a gate for each channel, then one for each pixel.

Paper: CBAM, arXiv 1807.06521, equations 2 and 3. Definition followed: https://github.com/Jongchan/attention-module
(MIT), ``MODELS/cbam.py``. timm's and two pastes' forms are variants; their weights are not interchangeable.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.catalog.cbam import INFO, hidden_width
from surgeon.blocks.catalog.cbam import kernel_size as spatial_size
from surgeon.blocks.common import Block, batch_norm, no_autocast, peak, scaled, widen


class CBAM(Block):
    """Gate the channels, then the pixels.

    ``y = x * sigmoid(sum over pools of fc2(relu(fc1(pool(x)))))``;
    ``out = y * sigmoid(bn(conv([max, mean over channels of y])))``.
    """

    info = INFO

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        reduction_ratio: int = 16,
        pool_types: Sequence[str] = ("avg", "max"),
        no_spatial: bool = False,
        kernel_size: int | None = None,
        variant: str = "official",
    ) -> None:
        """Create the layers of both gates.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            reduction_ratio: The hidden width is C / reduction_ratio.
            pool_types: Summaries of a channel, of ``avg``, ``max``, ``lp`` and ``lse``.
            no_spatial: Leave the spatial gate out.
            kernel_size: Odd size of the spatial kernel; None takes 7, and 49 for ``xmu``.
            variant: ``official``, ``timm``, ``z106`` or ``xmu``.

        Raises:
            BlockError: A setting does not work at this width.
        """
        given = {
            "reduction_ratio": reduction_ratio,
            "pool_types": pool_types,
            "no_spatial": no_spatial,
            "kernel_size": kernel_size,
            "variant": variant,
        }
        super().__init__(in_channels, out_channels, given)
        self.variant, self.no_spatial = variant, no_spatial
        self.pool_types: tuple[str, ...] = self.settings["pool_types"]
        hidden, bias = hidden_width(in_channels, self.settings), variant == "official"
        self.fc1 = nn.Linear(in_channels, hidden, bias=bias)
        self.fc2 = nn.Linear(hidden, in_channels, bias=bias)
        if no_spatial:
            return
        size, pasted = spatial_size(self.settings), variant in ("z106", "xmu")
        self.conv = nn.Conv2d(2, 1, size, padding=size // 2, bias=pasted)
        self.bn = None if pasted else nn.BatchNorm2d(1, momentum=0.01 if variant == "official" else 0.1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        pools = torch.stack([_pool(kind, x) for kind in self.pool_types])
        gate: Tensor = self.fc2(F.relu(self.fc1(pools))).sum(0).sigmoid()
        y = x * gate.unsqueeze(2).unsqueeze(3)
        if not self.no_spatial:
            y = scaled(y, self._spatial(y))
        return x + y if self.variant == "xmu" else y

    def _spatial(self, y: Tensor) -> Tensor:
        """The gate ``(B, 1, H, W)``."""
        views = [peak(y, 1, keepdim=True), y.mean(1, keepdim=True)]
        logits: Tensor = self.conv(torch.cat(views[::-1] if self.variant == "timm" else views, 1))
        return (logits if self.bn is None else batch_norm(self.bn, logits)).sigmoid()


def _pool(kind: str, x: Tensor) -> Tensor:
    """One number a channel, ``(B, C)``."""
    if kind == "avg":
        return x.mean((2, 3))
    if kind == "max":
        return peak(x, (2, 3))
    with no_autocast(x):
        wide = widen(x)
        pooled = torch.linalg.vector_norm(wide, dim=(2, 3)) if kind == "lp" else torch.logsumexp(wide, (2, 3))
        return pooled.to(x.dtype)
