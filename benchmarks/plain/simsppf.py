"""SimSPPF and SimCSPSPPF, plainly."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from plain.layers import conv, norm
from surgeon.blocks.common import Block
from surgeon.blocks.simsppf import SimCSPSPPF, SimSPPF


def simsppf(m: SimSPPF, x: Tensor) -> Tensor:
    return _layer(m, "cv2", _pooled(m, _layer(m, "cv1", x)))


def simcspsppf(m: SimCSPSPPF, x: Tensor) -> Tensor:
    a = _layer(m, "cv4", _layer(m, "cv3", _layer(m, "cv1", x)))
    a = _layer(m, "cv6", _layer(m, "cv5", _pooled(m, a)))
    return _layer(m, "cv7", torch.cat([_layer(m, "cv2", x), a], 1))


def _layer(m: Block, name: str, x: Tensor) -> Tensor:
    layer = m.get_submodule(name)
    y = norm(layer.bn, conv(m, f"{name}.conv", x, padding=layer.conv.kernel_size[0] // 2))
    return F.silu(y) if m.settings["activation"] == "silu" else F.relu(y)


def _pooled(m: Block, x: Tensor) -> Tensor:
    k = m.settings["kernel_size"]
    a = F.max_pool2d(x, k, 1, k // 2)
    b = F.max_pool2d(a, k, 1, k // 2)
    return torch.cat([x, a, b, F.max_pool2d(b, k, 1, k // 2)], 1)
