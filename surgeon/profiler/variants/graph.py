"""The forward recorded as a CUDA graph."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.timing.cuda_graph import Graphed, graph_refusal
from surgeon.profiler.variants.fed import copy_of
from surgeon.profiler.variants.variant import Built


class CudaGraph:
    """A replay; see `surgeon.profiler.timing.cuda_graph`.

    Args:
        cuda: ``torch.cuda``, or what a test puts in its place.
    """

    name = "graph"

    def __init__(self, cuda: Any = torch.cuda) -> None:
        self._cuda = cuda

    def build(self, module: nn.Module, images: Tensor, settings: ProfileSettings) -> Built | str:
        """A copy that is captured at its first run, where capturing it works."""
        if not settings.device.startswith("cuda"):
            return f"only a CUDA device has graphs, and the device is {settings.device}"
        network = copy_of(module)
        return graph_refusal(network, images, self._cuda) or Built(
            module=Graphed(network, self._cuda), precision=settings.dtype
        )
