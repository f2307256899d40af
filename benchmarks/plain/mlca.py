"""MLCA, plainly."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from surgeon.blocks.mlca import MLCA


def mlca(m: MLCA, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    side = m.settings["local_size"]
    kernel, local_kernel = (layer.weight.view(1, 1, -1) for layer in (m.conv, m.conv_local))
    padding = kernel.shape[2] // 2
    cells = F.adaptive_avg_pool2d(x, side)
    mean = F.adaptive_avg_pool2d(cells, 1)
    whole = F.conv1d(mean.view(b, 1, c), kernel, padding=padding).view(b, c, 1, 1).sigmoid()
    sequence = cells.view(b, c, -1).transpose(1, 2).reshape(b, 1, -1)
    local = F.conv1d(sequence, local_kernel, padding=padding).sigmoid()
    local = local.view(b, side * side, c).transpose(1, 2).reshape(b, c, side, side)
    weight = m.settings["local_weight"]
    whole = F.adaptive_avg_pool2d(whole, side)
    return x * F.adaptive_avg_pool2d(whole * (1 - weight) + local * weight, (h, w))
