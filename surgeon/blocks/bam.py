"""BAM: a channel branch and a dilated spatial branch, joined to one gate beside the identity.

Paper: BAM, arXiv 1807.06514, equations 1 to 4. Definition followed: https://github.com/Jongchan/attention-module (MIT),
``MODELS/bam.py``, which multiplies the branches; pastes, and the paper's equation 2, add them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from surgeon.blocks.catalog.bam import INFO, depths
from surgeon.blocks.common import Block, one_graph
from surgeon.blocks.conv_norm import activated


class BAM(Block):
    """``out = x * (1 + sigmoid(channel * spatial))``, with ``+`` in place of ``*`` between them for ``paste``.

    ``channel``: means, dense layers to C / reduction with BatchNorm and ReLU, a dense layer back. ``spatial``: a 1x1
    convolution to C / reduction, dilated 3x3 convolutions, each with BatchNorm and ReLU, a 1x1 convolution to 1.
    """

    info = INFO

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        reduction: int = 16,
        variant: str = "official",
        dilation: int | None = None,
        num_layers: int | None = None,
        num_convs: int | None = None,
    ) -> None:
        """Create both branches.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            reduction: The hidden width is C / reduction, rounded down.
            variant: ``official`` or ``paste``.
            dilation: Of the 3x3 convolutions; None takes 4 (paste: 2).
            num_layers: Hidden layers of the channel branch; None takes 1 (paste: 3).
            num_convs: 3x3 convolutions of the spatial branch; None takes 2 (paste: 3).

        Raises:
            BlockError: A setting does not work at this width.
        """
        given = {
            "reduction": reduction,
            "variant": variant,
            "dilation": dilation,
            "num_layers": num_layers,
            "num_convs": num_convs,
        }
        super().__init__(in_channels, out_channels, given)
        self.variant = variant
        hidden = in_channels // int(self.settings["reduction"])
        dilation, layers, convs = depths(self.settings)
        self.channel_fc = nn.ModuleList(nn.Linear(hidden if i else in_channels, hidden) for i in range(layers))
        self.channel_bn = nn.ModuleList(nn.BatchNorm1d(hidden) for _ in range(layers))
        self.channel_out = nn.Linear(hidden, in_channels)
        self.spatial_reduce = nn.Conv2d(in_channels, hidden, 1)
        self.spatial_conv = nn.ModuleList(
            nn.Conv2d(hidden, hidden, 3, padding=dilation, dilation=dilation) for _ in range(convs)
        )
        self.spatial_bn = nn.ModuleList(nn.BatchNorm2d(hidden) for _ in range(convs + 1))
        self.spatial_out = nn.Conv2d(hidden, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        channel = x.mean((2, 3))
        for layer, norm in zip(self.channel_fc, self.channel_bn, strict=True):
            channel = _normed(norm, layer(channel))
        channel = self.channel_out(channel)[:, :, None, None]
        spatial = x
        for conv, norm in zip([self.spatial_reduce, *self.spatial_conv], self.spatial_bn, strict=True):
            spatial = _normed(norm, conv(spatial))
        spatial = self.spatial_out(spatial)
        logits: Tensor = channel * spatial if self.variant == "official" else channel + spatial
        if torch.is_grad_enabled() or one_graph() or logits.dtype != x.dtype:
            return x * (1 + logits.sigmoid())
        gate = logits.sigmoid_()
        out: Tensor = torch.addcmul(x, x, gate, out=gate)
        return out


def _normed(norm: nn.Module, x: Tensor) -> Tensor:
    """BatchNorm, then ReLU."""
    assert isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d)
    return activated(norm, x, "relu")
