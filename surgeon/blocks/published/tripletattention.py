"""Triplet attention: the published class that holds these weights."""

from __future__ import annotations

from torch import Tensor

from surgeon.blocks.published.form import Reference, Size, Tensors


def _flatter(tensors: Tensors, _size: Size) -> dict[str, Tensor]:
    """Its gates hold their convolution and norm in a layer of their own."""
    return {name.replace(".conv.conv.", ".conv.").replace(".conv.bn.", ".bn."): t for name, t in tensors.items()}


CASES: dict[str, Reference] = {
    "triplet": Reference(block="tripletattention", channels=(), names={"no_spatial": "no_spatial"}, tensors=_flatter),
}
