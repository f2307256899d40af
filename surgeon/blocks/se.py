"""SE: squeeze-and-excitation, one gate a channel from the channels' means.

Paper: Squeeze-and-Excitation Networks, arXiv 1709.01507, equations 2 to 4. Definition followed:
https://github.com/moskomule/senet.pytorch (MIT), ``senet/se_module.py``, whose two layers have no bias, as in the
paper. The authors' Caffe release gives them biases, and timm rounds the hidden width as well: variants.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.catalog.se import INFO, hidden_width
from surgeon.blocks.common import Block


class SE(Block):
    """``out = x * sigmoid(fc2(relu(fc1(mean(x)))))``, the mean over the map."""

    info = INFO

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        reduction: int = 16,
        variant: str = "linear",
        rd_ratio: float | None = None,
    ) -> None:
        """Create the two layers.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            reduction: The hidden width is C / reduction, rounded down.
            variant: ``linear``, ``caffe`` (biases) or ``timm`` (biases, hidden width a multiple of 8).
            rd_ratio: For ``timm``: hidden width over C before rounding; None takes 1 / reduction.

        Raises:
            BlockError: A setting does not work at this width.
        """
        super().__init__(in_channels, out_channels, {"reduction": reduction, "variant": variant, "rd_ratio": rd_ratio})
        hidden, bias = hidden_width(in_channels, self.settings), variant != "linear"
        self.fc1 = nn.Linear(in_channels, hidden, bias=bias)
        self.fc2 = nn.Linear(hidden, in_channels, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        gate: Tensor = self.fc2(F.relu(self.fc1(x.mean((2, 3))))).sigmoid()
        return x * gate.unsqueeze(2).unsqueeze(3)
