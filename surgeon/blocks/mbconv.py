"""MBConv: the inverted bottleneck with a depthwise convolution and squeeze-and-excitation; and a head's branch of it.

Papers: MobileNetV2, arXiv 1801.04381, section 3 (the bottleneck); MnasNet, arXiv 1807.11626, and EfficientNet, arXiv
1905.11946 (with squeeze-and-excitation). Definition followed: torchvision's ``MBConv`` (BSD-3-Clause,
``torchvision/models/efficientnet.py``), which equals timm's ``InvertedResidual``.
"""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import Tensor, nn

from surgeon.blocks.catalog.mbconv import HEAD, INFO, expanded_width, squeezed_width
from surgeon.blocks.common import Block, one_graph, scaled
from surgeon.blocks.conv_norm import ACTIVATIONS, activated, biased, folded, normalised
from surgeon.blocks.fresh import plus, unheard
from surgeon.blocks.handwritten import unobserved


class _Bottleneck(Block):
    """``project(excite(depthwise(expand(x))))``, plus x where neither width nor resolution changes."""

    def _build(self, *, expand_ratio: float, kernel_size: int, stride: int, se: bool, activation: str) -> None:
        """Create the three convolutions, each with its BatchNorm, and the excitation."""
        width = self.in_channels
        inner = expanded_width(width, expand_ratio)
        layers: list[nn.Module] = []
        if inner != width:
            layers.append(_Layer(nn.Conv2d(width, inner, 1, bias=False), activation))
        depthwise = nn.Conv2d(inner, inner, kernel_size, stride, kernel_size // 2, groups=inner, bias=False)
        layers.append(_Layer(depthwise, activation))
        if se:
            layers.append(_Excitation(inner, squeezed_width(width), activation))
        layers.append(_Layer(nn.Conv2d(inner, self.out_channels, 1, bias=False), "none"))
        self.block = nn.Sequential(*layers)
        self.skips = stride == 1 and width == self.out_channels

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, in_channels, H, W)`` to ``(B, out_channels, H', W')``, H' = (H - 1) // stride + 1."""
        stages = [stage for stage in self.block._modules.values() if stage is not None]
        if torch.is_grad_enabled() or one_graph() or not unobserved((self.block, *stages)):
            y: Tensor = self.block(x)
            return x + y if self.skips else y
        y, ours = x, False  # ours: what our own layer before put out; another's may be its input
        for stage in stages:
            by_hand = isinstance(stage, _Layer) or (ours and isinstance(stage, _Excitation))
            y = cast(_Layer, stage).infer(y) if by_hand else stage(y)
            ours = isinstance(stage, (_Layer, _Excitation))
        if not self.skips:
            return y
        last = next(reversed(stages[-1]._modules.values()), None)
        return plus(x, y) if ours and last is not None and unheard(last) else x + y

    def fuse_block(self) -> _Bottleneck:
        """The same with each BatchNorm in its convolution."""
        twin = copy.deepcopy(self)
        for layer in twin.block:
            if isinstance(layer, _Layer):
                layer.fold()
        return twin


class MBConv(_Bottleneck):
    """The inverted bottleneck, of any width and stride."""

    info = INFO

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        expand_ratio: float = 6.0,
        kernel_size: int = 3,
        stride: int = 1,
        se: bool = True,
        activation: str = "silu",
    ) -> None:
        """Create the three convolutions, each with its BatchNorm, and the excitation.

        Args:
            in_channels: Channels of the input.
            out_channels: Channels of the output; None keeps them.
            expand_ratio: The inner width is the input's times this, rounded to a multiple of 8; where it is the
                input's own, there is no expanding convolution.
            kernel_size: Odd size of the depthwise convolution.
            stride: Step of the depthwise convolution.
            se: Whether squeeze-and-excitation follows it.
            activation: ``silu``; ``relu6`` and ``relu`` are those of other definitions.

        Raises:
            BlockError: A setting does not work.
        """
        given = {"expand_ratio": expand_ratio, "kernel_size": kernel_size, "stride": stride, "se": se}
        super().__init__(in_channels, out_channels, given | {"activation": activation})
        self._build(expand_ratio=expand_ratio, kernel_size=kernel_size, stride=stride, se=se, activation=activation)


class MBConvHead(_Bottleneck):
    """One module of a detection head's branch: `MBConv` with the settings that make a head light."""

    info = HEAD

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        branch: str = "box",
        expand_ratio: float = 1.0,
        kernel_size: int = 3,
        se: bool = True,
        activation: str = "silu",
    ) -> None:
        """Create the block.

        Args:
            in_channels: Channels of the input.
            out_channels: Channels of the output; None keeps them.
            branch: Which branches of a head ``surgeon replace --at Detect`` puts it into: ``box``, ``class`` or
                ``both``; without effect on the block itself.
            expand_ratio: As for `MBConv`.
            kernel_size: As for `MBConv`.
            se: As for `MBConv`.
            activation: As for `MBConv`.

        Raises:
            BlockError: A setting does not work.
        """
        given = {"expand_ratio": expand_ratio, "kernel_size": kernel_size, "se": se, "activation": activation}
        super().__init__(in_channels, out_channels, given | {"branch": branch})
        self._build(expand_ratio=expand_ratio, kernel_size=kernel_size, stride=1, se=se, activation=activation)


class MBConvBranch(nn.Sequential):
    """A branch of a detection head: two MBConvs of stride 1 and a biased 1x1 convolution, which ``branch[-1]`` is."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        hidden: int,
        expand_ratio: float = 1.0,
        kernel_size: int = 3,
        se: bool = True,
        activation: str = "silu",
    ) -> None:
        """Create the three modules.

        Args:
            in_channels: Channels of the level's map.
            out_channels: What the branch predicts at a pixel: 4 * reg_max for boxes, the classes for classes.
            hidden: Width between the modules.
            expand_ratio: As for `MBConv`; with 1 the branch is light, with more it outweighs what it replaces.
            kernel_size: As for `MBConv`.
            se: As for `MBConv`.
            activation: As for `MBConv`.

        Raises:
            BlockError: A setting does not work.
        """
        first, second = (
            MBConv(width, hidden, expand_ratio=expand_ratio, kernel_size=kernel_size, se=se, activation=activation)
            for width in (in_channels, hidden)
        )
        super().__init__(first, second, nn.Conv2d(hidden, out_channels, 1))


class _Layer(nn.Sequential):
    """``activation(norm(conv(x)))``, the two bearing the names 0 and 1 as torchvision's do."""

    def __init__(self, conv: nn.Conv2d, activation: str) -> None:
        super().__init__(conv, nn.BatchNorm2d(conv.out_channels))
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        if len(self) == 1:
            return ACTIVATIONS[self.activation](self[0](x))
        return activated(cast(nn.BatchNorm2d, self[1]), self[0](x), self.activation)

    def infer(self, x: Tensor) -> Tensor:
        """The same without gradients; the result is a tensor of its own but where the last layer's hooks keep it."""
        layers = self._modules
        if len(layers) == 1:
            return self.forward(x)
        return normalised(layers["0"], layers["1"], x, self.activation)

    def fold(self) -> None:
        conv, norm = cast(nn.Conv2d, self[0]), cast(nn.BatchNorm2d, self[1])
        self[0] = biased(conv, *folded(conv.weight, norm))
        del self[1]


class _Excitation(nn.Module):
    """``x * sigmoid(fc2(activation(fc1(mean(x)))))``."""

    def __init__(self, channels: int, squeezed: int, activation: str) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        return x * self._gate(x)

    def infer(self, x: Tensor) -> Tensor:
        """The same without gradients, in the place of x: the activation in front of it made that for this alone."""
        return scaled(x, self._gate(x))

    def _gate(self, x: Tensor) -> Tensor:
        squeezed = ACTIVATIONS[self.activation](self.fc1(x.mean((2, 3), keepdim=True)))
        gate: Tensor = self.fc2(squeezed).sigmoid()
        return gate
