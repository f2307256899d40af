"""LSKA: the published classes that hold these weights."""

from __future__ import annotations

from surgeon.blocks.published.form import Reference, fixed

CASES: dict[str, Reference] = {
    "lska.official": Reference(block="lska", channels=("dim",), names={"k_size": "k_size"}),
    "lska.van_attention": Reference(
        block="lska",
        channels=("d_model",),
        names={"k_size": "k_size"},
        settings=fixed(variant="attention"),
    ),
}
