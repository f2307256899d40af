"""A network whose images are brought into its own type and layout once, before anything is timed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn


class Fed(nn.Module):
    """Runs a network on images that are its own: a deployment hands them over in the form that is wanted.

    Args:
        network: The network.
        images: Its images, already converted; the ones of a call are ignored.
    """

    def __init__(self, network: nn.Module, images: Tensor) -> None:
        super().__init__()
        self.network = network
        self._images = images

    def forward(self, _: Tensor) -> object:
        """The network's outputs."""
        return self.network(self._images)


class Shared(nn.Module):
    """Runs a callable that cannot be copied: a deep copy is the object itself.

    Args:
        call: Takes the images.
    """

    def __init__(self, call: Callable[[Tensor], object]) -> None:
        super().__init__()
        self._call = call

    def __deepcopy__(self, memo: dict[int, Any]) -> Shared:
        return self

    def forward(self, images: Tensor) -> object:
        """What the callable gives."""
        return self._call(images)


def copy_of(module: nn.Module) -> nn.Module:
    """An independent copy in evaluation mode."""
    return copy.deepcopy(module).eval()
