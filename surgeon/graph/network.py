"""What the checks of an edit need of a live network, whatever framework it comes from.

A protocol only: no torch here, so tensors and modules are ``Any``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
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

    def run(self, image: Any) -> list[Any]:
        """Every tensor that the network puts out in evaluation mode, for an image ``(B, C, H, W)``."""

    def head_inputs(self, image: Any) -> list[Any]:
        """The feature maps that enter the head in evaluation mode, with gradients where they are enabled."""

    def wiring(self) -> Sequence[tuple[int, Any]]:
        """Row numbers and sources as the rows carry them, then the rows whose output is kept."""

    def rebuilt(self) -> Network:
        """The network that the framework's trainer builds from this one's own description and weights."""

    def trainable(self) -> AbstractContextManager[Mapping[str, Any]]:
        """All floating-point parameters by name, requiring gradients inside the context."""
