"""Polarized self-attention, plainly."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from plain.layers import conv
from surgeon.blocks.polarized import PolarizedSelfAttention


def polarized(m: PolarizedSelfAttention, x: Tensor) -> Tensor:
    paste = m.variant.startswith("paste")
    q_right, v_right, q_left, v_left = (
        ("ch_wq", "ch_wv", "sp_wq", "sp_wv") if paste else tuple(f"conv_{s}" for s in OFFICIAL)
    )

    def channel_gate(x: Tensor) -> Tensor:
        weights = conv(m, q_right, x).flatten(2).softmax(2)
        z = (conv(m, v_right, x).flatten(2) @ weights.transpose(1, 2)).unsqueeze(3)
        if paste:
            y = F.layer_norm(conv(m, "ch_wz", z).flatten(1), (x.shape[1],), m.ln.weight, m.ln.bias)
            return y.sigmoid()[:, :, None, None]
        if m.variant == "parallel":
            return conv(m, "conv_up", z).sigmoid()
        y = conv(m, "conv_up.0", z)
        norm = m.conv_up["1"]
        y = F.layer_norm(y.flatten(1), (y.shape[1],), norm.weight, norm.bias)[:, :, None, None]
        return conv(m, "conv_up.3", y.relu()).sigmoid()

    def spatial_gate(x: Tensor) -> Tensor:
        q = F.adaptive_avg_pool2d(conv(m, q_left, x), 1).flatten(2).transpose(1, 2)
        v = conv(m, v_left, x).flatten(2)
        if paste:
            y = q.softmax(2) @ v
        elif m.variant == "parallel":
            y = (q @ v).softmax(2)
        else:
            y = q @ v.softmax(2)
        return y.sigmoid().reshape(x.shape[0], 1, *x.shape[2:])

    if m.variant.endswith("parallel"):
        return x * channel_gate(x) + x * spatial_gate(x)
    x = x * channel_gate(x)
    return x * spatial_gate(x)


OFFICIAL = ("q_right", "v_right", "q_left", "v_left")
