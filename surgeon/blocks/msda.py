"""MSDA: multi-scale dilated attention, local windows whose dilation differs between the heads.

Paper: DilateFormer, arXiv 2302.01791, equations 1 to 4. Definition followed:
https://github.com/JIAOJIAYUASD/dilateformer, ``models/dilateformer.py``, on maps ``(B, C, H, W)``. The reference
unfolds keys and values k²-fold; here each neighbour is a shifted view of the padded map.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.catalog.msda import INFO
from surgeon.blocks.common import Block, PointwiseLinear, neighbours, no_autocast, widen


class MSDA(Block):
    """Attend to the k x k neighbours, dilated by another step in each share of the heads.

    Per head and pixel i, over its neighbours n at the head's dilation: ``softmax_n(scale * q_i·k_n)``-weighted v_n,
    with k_n = v_n = 0 beyond the border; then the projection. No norm, no residual.
    """

    info = INFO

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        num_heads: int = 8,
        qkv_bias: bool = False,
        qk_scale: float | None = None,
        attn_drop: float = 0.0,
        proj_drop: float = 0.0,
        kernel_size: int = 3,
        dilation: tuple[int, ...] = (1, 2, 3),
    ) -> None:
        """Create the projections.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            num_heads: Attention heads; divides C, a multiple of the number of dilations.
            qkv_bias: Whether query, key and value have biases.
            qk_scale: Factor on the logits; None takes ``(C / num_heads)^-0.5``.
            attn_drop: Dropout of the attention weights.
            proj_drop: Dropout of the output.
            kernel_size: Side of the neighbourhood, odd.
            dilation: Step between neighbours, one for each share of the heads.

        Raises:
            BlockError: A setting does not work at this width.
        """
        settings = {
            "num_heads": num_heads,
            "qkv_bias": qkv_bias,
            "qk_scale": qk_scale,
            "attn_drop": attn_drop,
            "proj_drop": proj_drop,
            "kernel_size": kernel_size,
            "dilation": dilation,
        }
        super().__init__(in_channels, out_channels, settings)
        self.dilation: tuple[int, ...] = self.settings["dilation"]
        self.num_heads, self.kernel_size, self.attn_drop = num_heads, kernel_size, attn_drop
        self.scale = qk_scale or (in_channels // num_heads) ** -0.5
        self.qkv = nn.Conv2d(in_channels, 3 * in_channels, 1, bias=qkv_bias)
        self.proj = PointwiseLinear(in_channels, in_channels)
        self.proj_drop = nn.Dropout(proj_drop)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        q, k, v = self.qkv(x).chunk(3, 1)
        kind = v.dtype
        with no_autocast(x):
            q, k, v = widen(q) * self.scale, widen(k), widen(v)
            shares = (t.chunk(len(self.dilation), 1) for t in (q, k, v))
            parts = [self._attend(*each) for each in zip(*shares, self.dilation, strict=True)]
            out = torch.cat(parts, 1).to(kind)
        y: Tensor = self.proj_drop(self.proj(out))
        return y

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, step: int) -> Tensor:
        """Attend with scaled q and with k, v, one share ``(B, C', H, W)`` each; returns ``(B, C', H, W)``."""
        heads = (q.shape[0], self.num_heads // len(self.dilation), -1, q.shape[2], q.shape[3])
        shape, q = q.shape, q.reshape(heads)
        logits = [(q * near.reshape(heads)).sum(2) for near in neighbours(k, self.kernel_size, step)]
        weights = F.dropout(torch.softmax(torch.stack(logits, 2), 2), self.attn_drop, self.training)
        out = torch.zeros_like(q)
        for index, near in enumerate(neighbours(v, self.kernel_size, step)):
            out = torch.addcmul(out, weights[:, :, index : index + 1], near.reshape(heads))
        return out.reshape(shape)
