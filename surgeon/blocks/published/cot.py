"""CoT: the published classes that hold these weights."""

from __future__ import annotations

from surgeon.blocks.published.form import Reference, fixed

CASES: dict[str, Reference] = {
    "cot.official": Reference(block="cot", channels=("dim",), names={"kernel_size": "kernel_size"}),
    "cot.paste": Reference(
        block="cot",
        channels=("dim",),
        names={"kernel_size": "kernel_size"},
        settings=fixed(variant="paste"),
    ),
}
