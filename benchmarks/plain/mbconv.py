"""MBConv, plainly."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from plain.layers import CONVOLUTION, norm
from surgeon.blocks.mbconv import MBConv


def mbconv(m: MBConv, x: Tensor) -> Tensor:
    act = {"silu": F.silu, "relu6": F.relu6, "relu": F.relu}[m.settings["activation"]]
    layers, y = list(m.block), x
    depthwise = len(layers) - 2 - m.settings["se"]
    if depthwise:
        y = act(norm(layers[0][1], CONVOLUTION(y, layers[0][0])))
    middle, after = layers[depthwise]
    stride, padding = m.settings.get("stride", 1), middle.weight.shape[2] // 2
    y = act(norm(after, CONVOLUTION(y, middle, stride=stride, padding=padding, groups=y.shape[1])))
    if m.settings["se"]:
        gate = layers[-2]
        s = act(CONVOLUTION(F.adaptive_avg_pool2d(y, 1), gate.fc1))
        y = y * CONVOLUTION(s, gate.fc2).sigmoid()
    last, after = layers[-1]
    y = norm(after, CONVOLUTION(y, last))
    return x + y if m.settings.get("stride", 1) == 1 and m.in_channels == m.out_channels else y


mbconvhead = mbconv
