"""MBConv: the published classes that hold these weights."""

from __future__ import annotations

from surgeon.blocks.published.form import Reference

CASES: dict[str, Reference] = {
    "mbconv.block": Reference(
        block="mbconv",
        channels=("cin", "cout"),
        names={"expand_ratio": "expand_ratio", "kernel": "kernel_size", "stride": "stride"},
    ),
}
