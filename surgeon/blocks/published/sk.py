"""SK: the published classes that hold these weights."""

from __future__ import annotations

from surgeon.blocks.published.form import Reference, fixed

CASES: dict[str, Reference] = {
    "sk.timm": Reference(
        block="sk",
        channels=("in_channels",),
        names={"split_input": "split_input", "kernel_size": "kernels", "rd_divisor": "minimum"},
        settings=fixed(variant="timm"),
    ),
    "sk.paste": Reference(
        block="sk",
        channels=("channel",),
        names={"kernels": "kernels", "reduction": "reduction", "L": "minimum"},
        settings=fixed(variant="paste"),
    ),
}
