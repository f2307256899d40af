"""DRConv: the published classes that hold these weights."""

from __future__ import annotations

from typing import Any

from surgeon.blocks.published.form import Arguments, Reference, Size


def _padding(arguments: Arguments, _size: Size) -> dict[str, Any]:
    """The published class pads by nothing unless told otherwise."""
    return {"padding": arguments.get("padding", 0)}


CASES: dict[str, Reference] = {
    "drconv.shallowtoil": Reference(
        block="drconv",
        channels=("in_channels", "out_channels"),
        names={key: key for key in ("kernel_size", "region_num", "stride", "dilation")},
        settings=_padding,
        others=("padding",),
    ),
}
