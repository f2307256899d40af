"""GAM: the published classes that hold these weights."""

from __future__ import annotations

from typing import Any

from surgeon.blocks.published.form import Arguments, Reference, Size, fixed, renamed

_NAMES = {
    "channel_attention.0": "linear1",
    "channel_attention.2": "linear2",
    "spatial_attention.0": "conv1",
    "spatial_attention.1": "norm1",
    "spatial_attention.3": "conv2",
    "spatial_attention.4": "norm2",
}


def _gam_groups(arguments: Arguments, _size: Size) -> dict[str, Any]:
    """Without ``group`` the paste still shuffles, but convolves densely."""
    return {"variant": "grouped", "groups": arguments.get("rate", 4) if arguments.get("group", True) else 1}


CASES: dict[str, Reference] = {
    "gam.dengbuqi": Reference(
        block="gam",
        channels=("in_channels", "out_channels"),
        names={"rate": "rate"},
    ),
    "gam.sigmoid": Reference(
        block="gam",
        channels=("in_channels", "out_channels"),
        names={"rate": "rate"},
        settings=fixed(variant="sigmoid"),
        tensors=renamed(_NAMES),
    ),
    "gam.grouped": Reference(
        block="gam",
        channels=("c1", "c2"),
        names={"rate": "rate"},
        settings=_gam_groups,
        tensors=renamed(_NAMES),
        others=("group",),
    ),
}
