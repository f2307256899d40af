"""What the checks of an edit need of a live network, whatever framework it comes from.

A protocol only: no torch here, so tensors and modules are ``Any``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class Network(Protocol):
    """A live network, opened for checking; every method leaves it as it was."""

    @property
    def module(self) -> Any:
        """The ``nn.Module``."""

    @property
    def in_channels(self) -> int:
        """Channels of the image it reads."""

    @property
    def max_stride(self) -> int:
        """Largest stride; image sides are multiples of it."""

    def observe(self, image: Any) -> tuple[list[Any], list[Any]]:
        """One pass in evaluation mode: every tensor that the network puts out, and the feature maps entering its head.

        Both have gradients where these are enabled.

        Args:
            image: ``(B, C, H, W)``, of the parameters' device and type.
        """

    def wiring(self) -> Sequence[tuple[int, Any]]:
        """Row numbers and sources as the rows carry them, then the rows whose output is kept."""

    def rebuilt(self) -> Network:
        """The network that the framework's trainer builds from this one's own description and weights."""
