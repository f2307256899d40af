"""ParNet: the published classes that hold these weights."""

from __future__ import annotations

from typing import Any

from surgeon.blocks.published.form import Arguments, Reference, Size, fixed, renamed
from surgeon.errors import BlockError

_FIXED = {"stride": 1, "padding": 1, "dilation": 1, "groups": 1, "padding_mode": "zeros", "avg_pool": False}


def _official(arguments: Arguments, _size: Size) -> dict[str, Any]:
    """Its activation is a module; of the other arguments ParNet's blocks use one value."""
    for key, value in _FIXED.items():
        if arguments.get(key, value) != value:
            raise BlockError(f"parnet.official: {key}={arguments[key]!r} has no counterpart here; only {value!r} has.")
    activation = str(arguments.get("activation", "ReLU")).removeprefix("nn.").partition("(")[0].lower()
    kernel_size = 1 if arguments.get("kernel_size", 3) == 1 else 3  # 3 whatever else is given
    return {
        "variant": "official",
        "kernel_size": kernel_size,
        "se_block": arguments.get("se_block", False),
        "activation": "none" if activation == "identity" else activation,
    }


CASES: dict[str, Reference] = {
    "parnet.official": Reference(
        block="parnet",
        channels=("in_channels", "out_channels"),
        settings=_official,
        tensors=renamed(
            {
                "rbr_identity": "identity",
                "rbr_dense.conv": "conv3x3",
                "rbr_dense.bn": "norm3x3",
                "rbr_1x1.conv": "conv1x1",
                "rbr_1x1.bn": "norm1x1",
                "se.cvsig.conv": "gate",
            }
        ),
        others=("kernel_size", "se_block", "activation", *_FIXED),
    ),
    "parnet.paste": Reference(
        block="parnet",
        channels=("channel",),
        settings=fixed(variant="paste"),
        tensors=renamed(
            {
                "sse.1": "gate",
                "conv1x1.0": "conv1x1",
                "conv1x1.1": "norm1x1",
                "conv3x3.0": "conv3x3",
                "conv3x3.1": "norm3x3",
            }
        ),
    ),
}
