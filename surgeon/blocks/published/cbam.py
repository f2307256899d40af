"""CBAM: the published classes that hold these weights."""

from __future__ import annotations

from torch import Tensor

from surgeon.blocks.published.form import Reference, Size, Tensors, fixed, renamed

_OFFICIAL = {
    "ChannelGate.mlp.1": "fc1",
    "ChannelGate.mlp.3": "fc2",
    "SpatialGate.spatial.conv": "conv",
    "SpatialGate.spatial.bn": "bn",
}
_TIMM = {"channel.fc1": "fc1", "channel.fc2": "fc2", "spatial.conv.conv": "conv", "spatial.conv.bn": "bn"}


def _timm(tensors: Tensors, size: Size) -> dict[str, Tensor]:
    """Its layers are 1x1 convolutions."""
    ours = renamed(_TIMM)(tensors, size)
    return {name: tensor.flatten(1) if name.startswith("fc") else tensor for name, tensor in ours.items()}


CASES: dict[str, Reference] = {
    "cbam.official": Reference(
        block="cbam",
        channels=("gate_channels",),
        names={"reduction_ratio": "reduction_ratio", "pool_types": "pool_types", "no_spatial": "no_spatial"},
        tensors=renamed(_OFFICIAL),
    ),
    "cbam.timm": Reference(
        block="cbam",
        channels=("channels",),
        names={"spatial_kernel_size": "kernel_size"},
        settings=fixed(variant="timm"),
        tensors=_timm,
    ),
}
