"""SE: the published classes that hold these weights."""

from __future__ import annotations

from torch import Tensor

from surgeon.blocks.published.form import Reference, Size, Tensors, fixed


def _timm(tensors: Tensors, _size: Size) -> dict[str, Tensor]:
    """Its layers are 1x1 convolutions."""
    names = {"fc1": "fc.0", "fc2": "fc.2"}
    ours = {}
    for name, tensor in tensors.items():
        layer, _, leaf = name.rpartition(".")
        ours[f"{names[layer]}.{leaf}"] = tensor.flatten(1) if leaf == "weight" else tensor
    return ours


CASES: dict[str, Reference] = {
    "se.linear": Reference(block="se", channels=("channel",), names={"reduction": "reduction"}),
    "se.timm": Reference(
        block="se",
        channels=("channels",),
        names={"rd_ratio": "rd_ratio"},
        settings=fixed(variant="timm"),
        tensors=_timm,
    ),
}
