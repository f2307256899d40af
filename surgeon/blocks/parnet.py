"""ParNet's block: parallel convolutions and a gated skip path.

Paper: Non-deep Networks, arXiv 2110.07641, figure 2. Definition followed:
https://github.com/imankgoyal/NonDeepNetworks (commit 777b286, BSD-3-Clause), ``RepVGGBlock``; and the class
``ParNetAttention`` in circulation.
"""

from __future__ import annotations

from torch import Tensor, nn

from surgeon.blocks.catalog.parnet import INFO
from surgeon.blocks.common import Block, batch_norm
from surgeon.blocks.conv_norm import ACTIVATIONS


class ParNet(Block):
    """Add a 3x3 convolution, a 1x1 convolution and the gated input.

    ``out = silu(norm1x1(conv1x1(x)) + norm3x3(conv3x3(x)) + s * sigmoid(gate(mean s)))``, with ``s = identity(x)``, a
    BatchNorm (``official``), or ``s = x`` (``paste``).
    """

    info = INFO

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        variant: str = "official",
        kernel_size: int = 3,
        se_block: bool = True,
        activation: str = "silu",
    ) -> None:
        """Create the paths.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            variant: ``official`` or ``paste``.
            kernel_size: 3, or 1 for no 3x3 path.
            se_block: Whether the skip path is gated.
            activation: ``silu``, ``relu`` or ``none``.

        Raises:
            BlockError: A setting does not work.
        """
        settings = {"variant": variant, "kernel_size": kernel_size, "se_block": se_block, "activation": activation}
        super().__init__(in_channels, out_channels, settings)
        c, bias = in_channels, variant == "paste"
        self.activation = activation
        self.conv1x1 = nn.Conv2d(c, c, 1, bias=bias)
        self.norm1x1 = nn.BatchNorm2d(c)
        self.conv3x3 = nn.Conv2d(c, c, 3, padding=1, bias=bias) if kernel_size == 3 else None
        self.norm3x3 = nn.BatchNorm2d(c) if kernel_size == 3 else None
        self.identity = nn.BatchNorm2d(c) if variant == "official" else None
        self.gate = nn.Conv2d(c, c, 1, bias=bias) if se_block else None

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        out = batch_norm(self.norm1x1, self.conv1x1(x))
        if self.conv3x3 is not None and self.norm3x3 is not None:
            out = out + batch_norm(self.norm3x3, self.conv3x3(x))
        skip = x if self.identity is None else batch_norm(self.identity, x)
        if self.gate is not None:
            skip = skip * self.gate(skip.mean((2, 3), keepdim=True)).sigmoid()
        return ACTIVATIONS[self.activation](out + skip)
