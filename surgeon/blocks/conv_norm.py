"""A convolution without bias, its BatchNorm and an activation: the piece of which several families are made."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.common import Block, batch_norm, no_autocast, one_graph, widen
from surgeon.blocks.fresh import unwatched
from surgeon.blocks.handwritten import serves

_Kind = TypeVar("_Kind", bound=Block)


def _same(x: Tensor) -> Tensor:
    """No activation."""
    return x


#: Activation setting -> function; no modules, as Ultralytics makes every one that has ``inplace`` work in place.
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"none": _same, "relu": F.relu, "relu6": F.relu6, "silu": F.silu}

FOLDING_PAYS = 4
"""Values of the map for each weight."""
LARGE = 1 << 18
"""Values of the map: a smaller one is normalised sooner than the weights are."""

_IN_PLACE: dict[str, Callable[[Tensor], Tensor]] = {
    "none": _same,
    "relu": torch.relu_,
    "relu6": lambda x: x.clamp_(0, 6),
    "silu": lambda x: F.silu(x, inplace=True),
}


def normalised(conv: nn.Module, norm: nn.Module, x: Tensor, name: str) -> Tensor:
    """Convolve, normalise and activate.

    In inference on a CPU the normalisation goes into the convolution's weights where these are far fewer than the
    values of a large map: a twentieth to a tenth of an inverted bottleneck's time.

    Args:
        conv: A convolution.
        norm: Its BatchNorm.
        x: Map ``(B, C, H, W)``, only read.
        name: A key of ``ACTIVATIONS``.
    """
    if torch.is_grad_enabled() or one_graph() or not _folding_pays(conv, norm, x):
        return activated(cast(nn.BatchNorm2d, norm), conv(x), name)
    assert isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None and norm.running_var is not None
    scale = (norm.running_var + norm.eps).rsqrt_().mul_(norm.weight)
    bias = torch.addcmul(norm.bias, norm.running_mean, scale, value=-1)
    weight = conv.weight * scale.view(-1, 1, 1, 1)
    return _IN_PLACE[name](F.conv2d(x, weight, bias, conv.stride, conv.padding, conv.dilation, conv.groups))


def _folding_pays(conv: nn.Module, norm: nn.Module, x: Tensor) -> bool:
    """Whether the normalisation goes into the convolution's weights: it saves time, and nobody would notice."""
    batch, _, height, width = x.shape
    if type(conv) is not nn.Conv2d or type(norm) is not nn.BatchNorm2d:
        return False
    values = batch * conv.out_channels * height * width // (conv.stride[0] * conv.stride[1])
    if values < LARGE or values < FOLDING_PAYS * conv.weight.numel():
        return False
    if norm.training or norm.running_mean is None or conv.bias is not None:
        return False
    return serves(x, conv.weight, norm.running_mean) and unwatched(conv) and unwatched(norm)


def activated(norm: nn.BatchNorm1d | nn.BatchNorm2d, x: Tensor, name: str) -> Tensor:
    """Normalise and activate; in inference in the normalised map itself, which spares the allocation of another.

    The layer is then not called as a module: on small maps that takes a twentieth of the time.

    Args:
        norm: A layer whose output nobody but its hooks sees; where it has any, they keep what it put out.
        x: Map ``(B, C, H, W)``, only read.
        name: A key of ``ACTIVATIONS``.
    """
    if torch.is_grad_enabled() or one_graph() or norm.training or norm.running_mean is None or not unwatched(norm):
        return ACTIVATIONS[name](batch_norm(norm, x))
    return _IN_PLACE[name](
        F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, False, 0.0, norm.eps)
    )


class ConvNorm(nn.Module):
    """``activation(bn(conv(x)))``, the map kept in size but for the stride."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int = 1, *, dilation: int = 1, activation: str = "relu"
    ) -> None:
        """Create the two layers with PyTorch's initialisation.

        Args:
            in_channels: Channels of the input.
            out_channels: Channels of the output.
            kernel_size: An odd size.
            dilation: Distance between the kernel's taps.
            activation: A key of ``ACTIVATIONS``.
        """
        super().__init__()
        padding = dilation * (kernel_size // 2)
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=padding, dilation=dilation, bias=False)
        self.bn = nn.BatchNorm2d(out_channels)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, in_channels, H, W)`` to ``(B, out_channels, H, W)``."""
        if "bn" not in self._modules:
            return ACTIVATIONS[self.activation](self.conv(x))
        return normalised(self.conv, self.bn, x, self.activation)

    def fold(self) -> None:
        """Put the BatchNorm's running statistics into the convolution, and drop it."""
        self.conv = biased(self.conv, *folded(self.conv.weight, self.bn))
        del self.bn


def without_norms(block: _Kind) -> _Kind:
    """A copy of a block whose every `ConvNorm` is one convolution: the same in evaluation (`Block.fuse_block`)."""
    twin = copy.deepcopy(block)
    for layer in list(twin.modules()):
        if isinstance(layer, ConvNorm):
            layer.fold()
    return twin


@torch.no_grad()
def folded(weight: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Kernel and bias of a convolution that does what one with ``weight`` and then ``norm`` do in evaluation.

    Args:
        weight: Kernel ``(O, C / groups, k, k)`` of a convolution without bias.
        norm: What follows it.

    Returns:
        The two, in at least single precision.
    """
    assert norm.running_mean is not None and norm.running_var is not None
    with no_autocast(weight):
        scale = widen(norm.weight) / (widen(norm.running_var) + norm.eps).sqrt()
        return widen(weight) * scale[:, None, None, None], widen(norm.bias) - widen(norm.running_mean) * scale


def biased(conv: nn.Conv2d, weight: Tensor, bias: Tensor) -> nn.Conv2d:
    """A convolution that slides as ``conv`` does, on its device and of its type, with these parameters."""
    new = copy.deepcopy(conv)
    new.weight = nn.Parameter(weight.to(conv.weight))
    new.bias = nn.Parameter(bias.to(conv.weight))
    return new
