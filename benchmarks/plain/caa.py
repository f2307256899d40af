"""CAA, plainly."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from plain.layers import conv, norm
from surgeon.blocks.caa import CAA


def caa(m: CAA, x: Tensor) -> Tensor:
    c, across, down = m.in_channels, m.settings["h_kernel_size"], m.settings["v_kernel_size"]
    y = F.avg_pool2d(x, 7, stride=1, padding=3)
    y = F.silu(norm(m.conv1.bn, conv(m, "conv1.conv", y)))
    y = conv(m, "h_conv", y, padding=(0, across // 2), groups=c)
    y = conv(m, "v_conv", y, padding=(down // 2, 0), groups=c)
    factor = F.silu(norm(m.conv2.bn, conv(m, "conv2.conv", y))).sigmoid()
    return factor if m.settings["variant"] == "factor" else factor * x
