"""MSCA: the published classes that hold these weights."""

from __future__ import annotations

from surgeon.blocks.published.form import Reference, fixed

CASES: dict[str, Reference] = {
    "msca.attention": Reference(block="msca", channels=("dim",), settings=fixed(variant="attention")),
    "msca.spatial": Reference(block="msca", channels=("d_model",), settings=fixed(variant="spatial")),
    "msca.block": Reference(
        block="msca",
        channels=("dim",),
        names={"mlp_ratio": "mlp_ratio"},
        settings=fixed(variant="block"),
        others=("drop", "drop_path", "act_layer", "norm_cfg"),
    ),
}
