"""DoubleAttention: gather the map into a few vectors, and distribute these to the pixels.

Paper: A²-Nets: Double Attention Networks, arXiv 1810.11579, equations 2 to 4. No code of the authors was found;
definition followed: https://github.com/nguyenvo09/Double-Attention-Network (commit c378693).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from surgeon.blocks.catalog.doubleattention import INFO, lean_from
from surgeon.blocks.common import Block, no_autocast, one_graph, widen

MANY_PIXELS = 1 << 20  # where the cost per pixel alone decides


class DoubleAttention(Block):
    """Attend twice.

    ``Q = softmax over the pixels of convB(x)``, ``V = softmax over the maps of convV(x)``, ``G = convA(x) Q^T``,
    ``out = conv_reconstruct(G V)``. Where it is less work, x is gathered before convA, and conv_reconstruct runs on G.
    """

    info = INFO

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        c_m: int = 128,
        c_n: int = 128,
        reconstruct: bool = True,
        variant: str = "nguyenvo09",
    ) -> None:
        """Create the 1x1 convolutions.

        Args:
            in_channels: Channels C of the input.
            out_channels: Channels of the output; None keeps C.
            c_m: Channels of what is gathered and distributed; the output width without ``reconstruct``.
            c_n: Number of attention maps.
            reconstruct: Whether a convolution leads from c_m channels to the output width.
            variant: ``nguyenvo09``, or ``batchsoftmax`` (the softmaxes over the batch, a paste's mistake).

        Raises:
            BlockError: A setting does not work at this width.
        """
        settings = {"c_m": c_m, "c_n": c_n, "reconstruct": reconstruct, "variant": variant}
        super().__init__(in_channels, out_channels, settings)
        self.variant = variant
        self.lean_from = lean_from(in_channels, self.out_channels, self.settings)
        self.convA = nn.Conv2d(in_channels, c_m, 1)
        self.convB = nn.Conv2d(in_channels, c_n, 1)
        self.convV = nn.Conv2d(in_channels, c_n, 1)
        self.conv_reconstruct = nn.Conv2d(c_m, self.out_channels, 1) if reconstruct else None

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, out_channels, H, W)``."""
        maps, vectors = self.convB(x).flatten(2), self.convV(x).flatten(2)
        # For this map, or for a graph that serves every size.
        lean = self.lean_from <= (MANY_PIXELS if one_graph() else x.shape[2] * x.shape[3])
        source = x if lean else self.convA(x)
        with no_autocast(x):
            # One after the other, so that the second finds the memory that the first one freed.
            maps = widen(maps).softmax(0 if self.variant == "batchsoftmax" else 2)
            vectors = widen(vectors).softmax(0 if self.variant == "batchsoftmax" else 1)
            gathered = torch.bmm(widen(source).flatten(2), maps.transpose(1, 2))
            if lean:
                gathered = self._project(self.convA, gathered) + _column(self.convA)
                if self.conv_reconstruct is not None:
                    gathered = self._project(self.conv_reconstruct, gathered)
            if lean and self.conv_reconstruct is not None:
                out = torch.baddbmm(_column(self.conv_reconstruct), gathered, vectors)
            else:
                out = torch.bmm(gathered, vectors)
        out = out.reshape(-1, out.shape[1], x.shape[2], x.shape[3]).to(x.dtype)
        return out if lean or self.conv_reconstruct is None else self.conv_reconstruct(out)

    @staticmethod
    def _project(conv: nn.Conv2d, vectors: Tensor) -> Tensor:
        """Apply the weights of a 1x1 convolution to ``(B, C, n)``."""
        return torch.matmul(widen(conv.weight).flatten(1), vectors)


def _column(conv: nn.Conv2d) -> Tensor:
    """Return the bias as ``(C, 1)``, wide."""
    assert conv.bias is not None
    return widen(conv.bias)[:, None]
