"""ParNet's block, plainly."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from plain.layers import conv, norm
from surgeon.blocks.parnet import ParNet


def parnet(m: ParNet, x: Tensor) -> Tensor:
    out = norm(m.norm1x1, conv(m, "conv1x1", x))
    if m.settings["kernel_size"] == 3:
        out = norm(m.norm3x3, conv(m, "conv3x3", x, padding=1)) + out
    skip = norm(m.identity, x) if m.settings["variant"] == "official" else x
    if m.settings["se_block"]:
        skip = skip * conv(m, "gate", F.adaptive_avg_pool2d(skip, 1)).sigmoid()
    out = out + skip
    return {"silu": F.silu, "relu": F.relu, "none": lambda y: y}[m.settings["activation"]](out)
