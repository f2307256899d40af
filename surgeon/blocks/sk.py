"""SK: selective kernel convolution.

Paper: Selective Kernel Networks, arXiv 1903.06586, equations 1 to 6. The authors published Caffe code; definition
followed: timm 1.0.31 (Apache-2.0), ``layers/selective_kernel.py``, and the class in circulation (``paste``).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.catalog.sk import INFO, hidden_width
from surgeon.blocks.common import Block, batch_norm
from surgeon.blocks.conv_norm import ConvNorm
from surgeon.blocks.fresh import plus_product


class SK(Block):
    """Mix convolutions with several kernel sizes.

    ``y_i = relu(norm_i(conv_i(x)))``, ``s = sum_i mean(y_i)``, ``a = softmax over i of attention(s)``,
    ``out = sum_i a_i y_i``.
    """

    info = INFO

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        variant: str = "timm",
        kernels: tuple[int, ...] | None = None,
        reduction: int = 16,
        minimum: int | None = None,
        split_input: bool = True,
    ) -> None:
        """Create the paths and the attention.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            variant: ``timm`` or ``paste``.
            kernels: Odd kernel of each path; None takes those of the variant.
            reduction: The attention's hidden width is C / reduction.
            minimum: Least hidden width; None takes that of the variant.
            split_input: Whether each of timm's paths reads its share of the channels; the paste's never do.

        Raises:
            BlockError: A setting does not work at this width.
        """
        settings = {
            "variant": variant,
            "kernels": kernels,
            "reduction": reduction,
            "minimum": minimum,
            "split_input": split_input,
        }
        super().__init__(in_channels, out_channels, settings)
        c, hidden = in_channels, hidden_width(in_channels, self.settings)
        self.variant = variant
        self.kernels: tuple[int, ...] = self.settings["kernels"]
        self.split: bool = self.settings["split_input"]
        if variant == "paste":
            self.convs = nn.ModuleList(_Biased(c, kernel) for kernel in self.kernels)
            self.fc = nn.Linear(c, hidden)
            self.fcs = nn.ModuleList(nn.Linear(hidden, c) for _ in self.kernels)
            return
        share = c // len(self.kernels) if self.split else c
        self.paths = nn.ModuleList(
            ConvNorm(share, c, min(kernel, 3), dilation=max(1, kernel // 2), activation="relu")
            for kernel in self.kernels
        )
        self.attn = _Attention(c, hidden, len(self.kernels))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        inputs = x.chunk(len(self.kernels), 1) if self.split else (x,) * len(self.kernels)
        layers = self.convs if self.variant == "paste" else self.paths
        views = [layer(part) for layer, part in zip(layers, inputs, strict=True)]
        total = sum((view.mean((2, 3)) for view in views[1:]), views[0].mean((2, 3)))
        if self.variant == "paste":
            hidden = self.fc(total)
            logits = torch.stack([layer(hidden) for layer in self.fcs], 1)
        else:
            logits = self.attn(total)
        shares = logits.softmax(1)[:, :, :, None, None].to(views[0].dtype)
        out: Tensor = views[0] * shares[:, 0]
        for index in range(1, len(views)):
            out = plus_product(out, views[index], shares[:, index])
        return out


class _Attention(nn.Module):
    """timm's attention on vectors: 1x1, BatchNorm, ReLU, 1x1 to one value a path and channel."""

    def __init__(self, channels: int, hidden: int, paths: int) -> None:
        super().__init__()
        self.fc_reduce = nn.Conv2d(channels, hidden, 1, bias=False)
        self.bn = nn.BatchNorm2d(hidden)
        self.fc_select = nn.Conv2d(hidden, channels * paths, 1, bias=False)
        self.paths = paths

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C)`` to ``(B, paths, C)``."""
        hidden = F.relu(batch_norm(self.bn, self.fc_reduce(x[:, :, None, None])))
        logits: Tensor = self.fc_select(hidden)
        return logits.reshape(-1, self.paths, x.shape[1])


class _Biased(nn.Module):
    """A convolution with a bias, BatchNorm and ReLU, named as in the paste."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, kernel, padding=kernel // 2)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        return F.relu(batch_norm(self.bn, self.conv(x)))
