"""SENetV2, plainly."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from surgeon.blocks.senetv2 import SENetV2


def senetv2(m: SENetV2, x: Tensor) -> Tensor:
    b, c = x.shape[:2]
    y = F.adaptive_avg_pool2d(x, 1).view(b, c)
    weights = m.func1.weight.chunk(4)
    biases = [None] * 4 if m.func1.bias is None else m.func1.bias.chunk(4)
    parts = [F.relu(F.linear(y, weight, bias)) for weight, bias in zip(weights, biases, strict=True)]
    gate = F.linear(torch.cat(parts, dim=1), m.func2.weight, m.func2.bias).sigmoid().view(b, c, 1, 1)
    return x + x * gate if m.variant == "keras" else x * gate.expand_as(x)
