"""Where tensors come from while a network trains: what tells the gradient of a weight from that of a map.

A matrix product does not say which of its factors is the weight. Here every operator's results are marked: made from
the image, from trained parameters alone, or from neither (buffers, constants, frozen parameters).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_leaves


class Origin(IntEnum):
    """Of several inputs the highest decides."""

    CONSTANT = 0
    LEARNED = 1
    IMAGE = 2


class Origins:
    """Origins of all tensors of one pass, by the memory that they share with their views.

    Args:
        image: The batch of images.
        learned: Parameters that are trained.
    """

    def __init__(self, image: Tensor, learned: Iterable[Tensor]) -> None:
        self._of = {_memory(parameter): Origin.LEARNED for parameter in learned}
        self._of[_memory(image)] = Origin.IMAGE

    def of(self, values: Any) -> set[Origin]:
        """Origins of the tensors in there."""
        return {
            self._of.get(_memory(leaf), Origin.CONSTANT) for leaf in tree_leaves(values) if isinstance(leaf, Tensor)
        }

    def follow(self, inputs: Any, out: Any) -> None:
        """An operator made ``out`` from ``inputs``; the place in memory may have held something else before."""
        origin = max(self.of(inputs), default=Origin.CONSTANT)
        for leaf in tree_leaves(out):
            if isinstance(leaf, Tensor):
                self._of[_memory(leaf)] = origin


def _memory(tensor: Tensor) -> int:
    """What names the memory of a tensor, of one without data too."""
    return int(tensor.untyped_storage()._cdata)
