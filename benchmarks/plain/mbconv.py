"""MBConv, plainly."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.mbconv import MBConv


def mbconv(m: MBConv, x: Tensor) -> Tensor:
    act = {"silu": F.silu, "relu6": F.relu6, "relu": F.relu}[m.settings["activation"]]
    layers, y = list(m.block), x
    depthwise = len(layers) - 2 - m.settings["se"]
    if depthwise:
        y = act(_norm(layers[0][1], F.conv2d(y, layers[0][0].weight)))
    conv, norm = layers[depthwise]
    y = F.conv2d(y, conv.weight, None, m.settings.get("stride", 1), conv.weight.shape[2] // 2, groups=y.shape[1])
    y = act(_norm(norm, y))
    if m.settings["se"]:
        gate = layers[-2]
        s = F.adaptive_avg_pool2d(y, 1)
        s = F.conv2d(act(F.conv2d(s, gate.fc1.weight, gate.fc1.bias)), gate.fc2.weight, gate.fc2.bias)
        y = y * s.sigmoid()
    conv, norm = layers[-1]
    y = _norm(norm, F.conv2d(y, conv.weight))
    return x + y if m.settings.get("stride", 1) == 1 and m.in_channels == m.out_channels else y


def _norm(norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias)


mbconvhead = mbconv
