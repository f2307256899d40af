"""Triplet attention, plainly."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from surgeon.blocks.tripletattention import TripletAttention, _Gate


def _gated(gate: _Gate, x: Tensor) -> Tensor:
    planes = torch.cat((torch.max(x, 1)[0].unsqueeze(1), torch.mean(x, 1).unsqueeze(1)), dim=1)
    bn = gate.bn
    y = F.conv2d(planes, gate.conv.weight, padding=3)
    y = F.batch_norm(y, bn.running_mean, bn.running_var, bn.weight, bn.bias, bn.training, 0.0, bn.eps)
    return x * y.sigmoid()


def tripletattention(m: TripletAttention, x: Tensor) -> Tensor:
    y_cw = _gated(m.cw, x.permute(0, 2, 1, 3).contiguous()).permute(0, 2, 1, 3).contiguous()
    y_hc = _gated(m.hc, x.permute(0, 3, 2, 1).contiguous()).permute(0, 3, 2, 1).contiguous()
    if m.hw is None:
        return 1 / 2 * (y_cw + y_hc)
    return 1 / 3 * (_gated(m.hw, x) + y_cw + y_hc)
