"""GAM: channel attention by a per-pixel MLP, then spatial attention by two 7x7 convolutions.

Paper: Global Attention Mechanism, arXiv 2112.05561, equations 1 and 2. There is no repository of the authors; the
article's code is https://github.com/dengbuqi/GAM_Pytorch, which leaves the channel branch without a sigmoid and pads
by replication. Two variants in circulation are options. A caveat: with rate 4 the block costs 25·C²·N MACs, 15 % of
YOLOv8n at every pyramid level.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.catalog.gam import INFO, SHUFFLE
from surgeon.blocks.common import Block, PointwiseLinear, batch_norm


class GAM(Block):
    """Gate the channels of each pixel, then gate the map.

    ``x1 = x * linear2(relu(linear1(x)))``;
    ``s = sigmoid(norm2(conv2(relu(norm1(conv1(x1))))))``; ``out = x1 * s``.

    Where the width changes, a 1x1 convolution ``join`` carries x1 to the new width (ours: the code in circulation
    takes an ``out_channels`` but crashes when it differs).
    """

    info = INFO

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        rate: int = 4,
        variant: str = "dengbuqi",
        groups: int | None = None,
    ) -> None:
        """Create the two branches.

        Args:
            in_channels: Channels C.
            out_channels: Channels of the output; None keeps C.
            rate: The hidden width is C / rate, rounded down.
            variant: ``dengbuqi``, ``sigmoid`` (sigmoid on the channel branch, zero padding) or ``grouped`` (grouped
                7x7 convolutions, zero padding, channel shuffle of the spatial gate).
            groups: Groups of the 7x7 convolutions in the grouped variant; None takes ``rate``.

        Raises:
            BlockError: A setting does not work at this width.
        """
        super().__init__(in_channels, out_channels, {"rate": rate, "variant": variant, "groups": groups})
        hidden = in_channels // rate
        groups = self.settings["groups"]
        padding: Literal["replicate", "zeros"] = "replicate" if variant == "dengbuqi" else "zeros"
        self.variant = variant
        self.linear1 = PointwiseLinear(in_channels, hidden)
        self.linear2 = PointwiseLinear(hidden, in_channels)
        self.conv1 = nn.Conv2d(in_channels, hidden, 7, padding=3, padding_mode=padding, groups=groups)
        self.norm1 = nn.BatchNorm2d(hidden)
        self.conv2 = nn.Conv2d(hidden, self.out_channels, 7, padding=3, padding_mode=padding, groups=groups)
        self.norm2 = nn.BatchNorm2d(self.out_channels)
        changes = in_channels != self.out_channels
        self.join = nn.Conv2d(in_channels, self.out_channels, 1) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, in_channels, H, W)`` to ``(B, out_channels, H, W)``."""
        channel = self.linear2(F.relu(self.linear1(x)))
        if self.variant == "sigmoid":
            channel = channel.sigmoid()
        x = x * channel
        spatial = F.relu(batch_norm(self.norm1, self.conv1(x)))
        spatial = batch_norm(self.norm2, self.conv2(spatial)).sigmoid()
        if self.variant == "grouped":
            spatial = _shuffle(spatial)
        if self.join is not None:
            x = self.join(x)
        return x * spatial


def _shuffle(x: Tensor) -> Tensor:
    """Interleave ``SHUFFLE`` groups of the channels of ``(B, C, H, W)``: ONNX export lacks ``F.channel_shuffle``."""
    batch, channels, height, width = x.shape
    grouped = x.reshape(batch, SHUFFLE, channels // SHUFFLE, height, width)
    return grouped.transpose(1, 2).reshape(batch, channels, height, width)
