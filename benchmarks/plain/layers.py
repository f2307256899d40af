"""What the plain forms share."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from surgeon.blocks.common import Block


def conv(module: Block, name: str, x: Tensor, **options: object) -> Tensor:
    """Convolve with a layer's parameters, 2-D weights as 1x1 kernels."""
    parameters = dict(module.named_parameters())
    weight = parameters[f"{name}.weight"]
    weight = weight[:, :, None, None] if weight.dim() == 2 else weight
    return F.conv2d(x, weight, parameters.get(f"{name}.bias"), **options)
