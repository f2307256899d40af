"""What the plain forms share."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.common import Block


class Convolution(nn.Module):
    """A convolution called as a layer: the published code calls layers too, and on a small map the call takes time."""

    def forward(self, x: Tensor, layer: nn.Module, **options: object) -> Tensor:
        """Convolve."""
        weight: Tensor = layer.weight
        return F.conv2d(x, weight[:, :, None, None] if weight.dim() == 2 else weight, layer.bias, **options)


class Normalisation(nn.Module):
    """A BatchNorm called as a layer."""

    def forward(self, x: Tensor, layer: nn.BatchNorm2d) -> Tensor:
        """Normalise with the running statistics."""
        return F.batch_norm(x, layer.running_mean, layer.running_var, layer.weight, layer.bias, eps=layer.eps)


CONVOLUTION, NORMALISATION = Convolution(), Normalisation()


def conv(module: Block, name: str, x: Tensor, **options: object) -> Tensor:
    """Convolve with a layer's parameters, 2-D weights as 1x1 kernels."""
    return CONVOLUTION(x, module.get_submodule(name), **options)


def norm(layer: nn.BatchNorm2d, x: Tensor) -> Tensor:
    """Normalise with the running statistics."""
    return NORMALISATION(x, layer)
