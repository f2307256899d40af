"""A convolution without bias, its BatchNorm and an activation: the piece of which several families are made."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.common import batch_norm


def _same(x: Tensor) -> Tensor:
    """No activation."""
    return x


#: Activation setting -> function; no modules, as Ultralytics makes every one that has ``inplace`` work in place.
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"none": _same, "relu": F.relu, "relu6": F.relu6, "silu": F.silu}


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
        return ACTIVATIONS[self.activation](batch_norm(self.bn, self.conv(x)))
