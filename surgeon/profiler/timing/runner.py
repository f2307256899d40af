"""One timed forward pass of one network."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from surgeon.profiler.inputs import Forward
from surgeon.profiler.timing.clock import Clock


class Runner:
    """Runs a network on always the same images.

    Args:
        module: The network, deployed: eval mode, on its device. It is not copied here.
        images: Image batch ``(B, C, H, W)`` of the network's type and device.
        clock: What times it.
        forward: How to run it, default ``module(images)``.
    """

    def __init__(self, module: nn.Module, images: Tensor, clock: Clock, forward: Forward | None = None) -> None:
        self.module = module
        self.images = images
        self._clock = clock
        self._forward = forward

    def on_a_copy(self) -> Runner:
        """The same of a copy of the network, at another place in memory."""
        return Runner(copy.deepcopy(self.module), self.images, self._clock, self._forward)

    def run(self) -> object:
        """One forward pass, not timed."""
        with torch.inference_mode():
            return self._call()

    def run_ms(self) -> float:
        """Milliseconds of one forward pass."""
        with torch.inference_mode():
            return self._clock.run_ms(self._call)

    def _call(self) -> object:
        return self.module(self.images) if self._forward is None else self._forward(self.module, self.images)
