"""OREPA: the published classes that hold these weights."""

from __future__ import annotations

from surgeon.blocks.published.form import Reference

_CHANNELS = ("in_channels", "out_channels")

# padding is always kernel_size // 2: the published classes assert it.
CASES: dict[str, Reference] = {
    "orepa.official": Reference(
        block="orepa",
        channels=_CHANNELS,
        names={key: key for key in ("kernel_size", "stride", "dilation", "groups")},
        others=("padding",),
    ),
    "orepa.1x1": Reference(
        block="orepa1x1",
        channels=_CHANNELS,
        names={"stride": "stride"},
        others=("kernel_size", "padding", "dilation", "groups"),
    ),
}
