"""SimAM, plainly."""

from __future__ import annotations

from torch import Tensor

from surgeon.blocks.simam import SimAM


def simam(m: SimAM, x: Tensor) -> Tensor:
    n = max(x.shape[2] * x.shape[3] - 1, 1)
    d = (x - x.mean(dim=[2, 3], keepdim=True)).pow(2)
    y = d / (4 * (d.sum(dim=[2, 3], keepdim=True) / n + m.e_lambda)) + 0.5
    return x * y.sigmoid()
