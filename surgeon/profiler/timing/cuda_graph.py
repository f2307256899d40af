"""A CUDA graph of a network: its launches recorded once and replayed as one, to be timed as an arm of its own."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

_RUNS_BEFORE = 3
"""Ordinary runs on a side stream before a capture, as PyTorch asks for: libraries allocate at their first runs."""

_TOLERANCE = 1e-3


class Graphed(nn.Module):
    """A network that is captured at its first run and replayed at all others, always on the same images.

    A deep copy copies the network and captures anew.

    Args:
        network: The network, deployed, on its device.
        cuda: ``torch.cuda``, or what a test puts in its place.
    """

    def __init__(self, network: nn.Module, cuda: Any = torch.cuda) -> None:
        super().__init__()
        self.network = network
        self._cuda = cuda
        self._graph: Any = None
        self._outputs: object = None

    def __deepcopy__(self, memo: dict[int, Any]) -> Graphed:
        return Graphed(copy.deepcopy(self.network, memo), self._cuda)

    def forward(self, images: Tensor) -> object:
        """The outputs of the network, in tensors that the next run overwrites."""
        with self._cuda.device(images.device):  # a graph records the current device only
            if self._graph is None:
                self._capture(images)
            self._graph.replay()
        return self._outputs

    def _capture(self, images: Tensor) -> None:
        cuda = self._cuda
        side = cuda.Stream()
        side.wait_stream(cuda.current_stream())
        with cuda.stream(side):
            for _ in range(_RUNS_BEFORE):
                self.network(images)
        cuda.current_stream().wait_stream(side)
        graph = cuda.CUDAGraph()
        with cuda.graph(graph):
            self._outputs = self.network(images)
        self._graph = graph


def graph_refusal(network: nn.Module, images: Tensor, cuda: Any = torch.cuda) -> str:
    """Why a network has no CUDA graph, as a sentence; empty where its replay gives the forward's outputs.

    Args:
        network: The network, deployed, on its device; only run.
        images: Image batch ``(B, C, H, W)``.
        cuda: ``torch.cuda``, or what a test puts in its place.
    """
    try:
        with torch.inference_mode():
            expected = [tensor.clone() for tensor in _tensors(network(images))]
            graphed = Graphed(network, cuda)
            for tensor in _tensors(graphed(images)):
                tensor.zero_()  # so that a replay which does nothing is found out
            replayed = _tensors(graphed(images))
            cuda.synchronize(images.device)
            agree = all(_agree(*both) for both in zip(expected, replayed, strict=True))
    except Exception as error:
        cause = str(error).strip().partition("\n")[0] or type(error).__name__
        return f"no CUDA graph was timed: the forward cannot be captured ({cause})"
    return "" if agree else "no CUDA graph was timed: its replay does not give the forward's outputs"


def _tensors(outputs: object) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(outputs) if isinstance(leaf, Tensor)]


def _agree(expected: Tensor, replayed: Tensor) -> bool:
    """Whether two runs gave the same, but for the order of sums that a library may choose anew."""
    if expected.shape != replayed.shape or not expected.numel():
        return expected.shape == replayed.shape
    ours, theirs = replayed.float().nan_to_num(), expected.float().nan_to_num()
    return bool((ours - theirs).abs().max() <= _TOLERANCE * theirs.abs().max().clamp(min=1))
