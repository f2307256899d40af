"""SimSPPF and SimCSPSPPF: the published classes that hold these weights."""

from __future__ import annotations

from torch import Tensor

from surgeon.blocks.published.form import Reference, Size, Tensors


def _unwrapped(tensors: Tensors, _size: Size) -> dict[str, Tensor]:
    """``cspsppf.cv1.block.conv.weight`` to ``cv1.conv.weight``; older YOLOv6 and pastes have the short names."""
    return {
        name.removeprefix("sppf.").removeprefix("cspsppf.").replace(".block.", "."): tensor
        for name, tensor in tensors.items()
    }


_CHANNELS = ("in_channels", "out_channels")

CASES: dict[str, Reference] = {
    "simsppf": Reference(block="simsppf", channels=_CHANNELS, names={"kernel_size": "kernel_size"}, tensors=_unwrapped),
    "simcspsppf": Reference(
        block="simcspsppf",
        channels=_CHANNELS,
        names={"kernel_size": "kernel_size", "e": "expansion"},
        tensors=_unwrapped,
    ),
}
