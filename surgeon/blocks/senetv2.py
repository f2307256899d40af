"""SENetV2: squeeze-and-excitation whose hidden layer is four dense layers side by side.

Paper: SENetV2, arXiv 2311.10807, section 3. Definition followed: ``se_v2.py`` of
https://github.com/mahendran-narayanan/SENetV2-Aggregated-dense-layer-for-channelwise-and-global-representations (MIT,
Keras). The four layers are one here, four times as wide. The common paste without biases and residual is a variant.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.catalog.senetv2 import BRANCHES, INFO
from surgeon.blocks.common import Block


class SENetV2(Block):
    """``gate = sigmoid(func2(relu(func1(mean(x)))))``; ``keras``: ``out = x + x * gate``; ``sae``: ``x * gate``."""

    info = INFO

    def __init__(
        self, in_channels: int, out_channels: int | None = None, *, reduction: int = 32, variant: str = "keras"
    ) -> None:
        """Create the two layers; ``keras`` starts as Dense does (Glorot uniform for each of the four, biases 0).

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            reduction: Each of the four hidden layers has C / reduction units.
            variant: ``keras`` or ``sae``.

        Raises:
            BlockError: A setting does not work at this width.
        """
        super().__init__(in_channels, out_channels, {"reduction": reduction, "variant": variant})
        self.variant, bias = variant, variant == "keras"
        hidden = BRANCHES * (in_channels // int(self.settings["reduction"]))
        self.func1 = nn.Linear(in_channels, hidden, bias=bias)
        self.func2 = nn.Linear(hidden, in_channels, bias=bias)
        if bias:
            for part in self.func1.weight.detach().chunk(BRANCHES):
                nn.init.xavier_uniform_(part)
            nn.init.xavier_uniform_(self.func2.weight)
            nn.init.zeros_(self.func1.bias)
            nn.init.zeros_(self.func2.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        gate = self.func2(F.relu(self.func1(x.mean((2, 3))))).sigmoid()[:, :, None, None]
        out: Tensor = x * (1 + gate if self.variant == "keras" else gate)
        return out
