"""ECA: the published classes that hold these weights."""

from __future__ import annotations

from surgeon.blocks.published.form import Reference, fixed

CASES: dict[str, Reference] = {
    "eca.official": Reference(block="eca", channels=("channel",), names={"k_size": "k_size"}),
    "eca.timm": Reference(
        block="eca",
        channels=("channels",),
        names={"gamma": "gamma", "beta": "beta"},
        settings=fixed(variant="timm"),
        others=("kernel_size",),
    ),
}
