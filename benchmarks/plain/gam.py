"""GAM, plainly."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from plain.layers import conv
from surgeon.blocks.gam import GAM


def gam(m: GAM, x: Tensor) -> Tensor:
    gate = conv(m, "linear2", conv(m, "linear1", x).relu())
    gated = x * (gate.sigmoid() if m.variant == "sigmoid" else gate)
    s, groups = gated, m.settings["groups"]
    for index in (1, 2):
        s = F.pad(s, (3, 3, 3, 3), mode="replicate" if m.variant == "dengbuqi" else "constant")
        norm = getattr(m, f"norm{index}")
        s = conv(m, f"conv{index}", s, groups=groups)
        s = F.batch_norm(s, norm.running_mean, norm.running_var, norm.weight, norm.bias)
        s = s.relu() if index == 1 else s.sigmoid()
    if m.variant == "grouped":
        b, c, h, w = s.shape
        s = s.view(b, 4, c // 4, h, w).transpose(1, 2).reshape(b, c, h, w)
    return (gated if m.join is None else conv(m, "join", gated)) * s
