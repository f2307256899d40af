"""GC: the published class that holds these weights."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from surgeon.blocks.published.form import Arguments, Reference, Size, Tensors


def _ratio(arguments: Arguments, _size: Size) -> dict[str, Any]:
    """Its default holds at every width; ours is adapted to small ones."""
    return {} if {"rd_ratio", "rd_channels"} & set(arguments) else {"rd_ratio": 0.125}


def _linear(tensors: Tensors, _size: Size) -> dict[str, Tensor]:
    """The layers of its mlps are 1x1 convolutions."""
    return {
        name: tensor.flatten(1) if ".fc" in name and tensor.dim() == 4 else tensor for name, tensor in tensors.items()
    }


CASES: dict[str, Reference] = {
    "gc.timm": Reference(
        block="gc",
        channels=("channels",),
        names={
            "use_attn": "use_attn",
            "fuse_add": "fuse_add",
            "fuse_scale": "fuse_scale",
            "rd_ratio": "rd_ratio",
            "rd_channels": "rd_channels",
            "rd_divisor": "rd_divisor",
        },
        settings=_ratio,
        tensors=_linear,
        others=("init_last_zero",),
    ),
}
