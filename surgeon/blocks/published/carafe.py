"""CARAFE: the published classes that hold these weights."""

from __future__ import annotations

from surgeon.blocks.published.form import Reference, fixed

CASES: dict[str, Reference] = {
    "carafe.pack": Reference(
        block="carafe",
        channels=("channels",),
        names={
            "scale_factor": "scale",
            **{
                key: key
                for key in ("up_kernel", "up_group", "encoder_kernel", "encoder_dilation", "compressed_channels")
            },
        },
    ),
    "carafe.paste": Reference(
        block="carafe",
        channels=("c",),
        names={"k_enc": "encoder_kernel", "k_up": "up_kernel", "c_mid": "compressed_channels", "scale": "scale"},
        settings=fixed(variant="paste"),
    ),
}
