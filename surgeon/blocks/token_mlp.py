"""The linear layers of HAT's blocks: their initialisation, and the MLP that ends each of them."""

from __future__ import annotations

from torch import nn


class MLP(nn.Sequential):
    """Two linear layers ``fc1`` and ``fc2`` over the last axis with a GELU between them."""

    def __init__(self, channels: int, hidden: int) -> None:
        """Create the layers.

        Args:
            channels: Channels of a token.
            hidden: Channels between the layers.
        """
        super().__init__()
        self.fc1 = truncated_linear(channels, hidden)
        self.act = nn.GELU()
        self.fc2 = truncated_linear(hidden, channels)


def truncated_linear(inputs: int, outputs: int) -> nn.Linear:
    """Create a linear layer as HAT initialises it: a truncated normal of deviation 0.02, and zeros."""
    layer = nn.Linear(inputs, outputs)
    nn.init.trunc_normal_(layer.weight, std=0.02)
    nn.init.zeros_(layer.bias)
    return layer
