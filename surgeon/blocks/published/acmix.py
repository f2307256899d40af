"""ACmix: the published classes that hold these weights."""

from __future__ import annotations

from surgeon.blocks.published.form import Reference

CASES: dict[str, Reference] = {
    "acmix.official": Reference(
        block="acmix",
        channels=("in_planes", "out_planes"),
        names={key: key for key in ("kernel_att", "head", "kernel_conv", "stride", "dilation")},
    ),
}
