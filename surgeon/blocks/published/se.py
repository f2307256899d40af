"""SE: the published classes that hold these weights."""

from __future__ import annotations

from torch import Tensor

from surgeon.blocks.published.form import Reference, Size, Tensors, fixed, renamed


def _timm(tensors: Tensors, _size: Size) -> dict[str, Tensor]:
    """Its layers are 1x1 convolutions."""
    return {name: tensor.flatten(1) if tensor.dim() == 4 else tensor for name, tensor in tensors.items()}


CASES: dict[str, Reference] = {
    "se.linear": Reference(
        block="se",
        channels=("channel",),
        names={"reduction": "reduction"},
        tensors=renamed({"fc.0": "fc1", "fc.2": "fc2"}),
    ),
    "se.timm": Reference(
        block="se",
        channels=("channels",),
        names={"rd_ratio": "rd_ratio"},
        settings=fixed(variant="timm"),
        tensors=_timm,
    ),
}
