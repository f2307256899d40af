"""iRMB: the published class that holds these weights."""

from __future__ import annotations

from surgeon.blocks.published.form import Reference

CASES: dict[str, Reference] = {
    "irmb.official": Reference(
        block="irmb",
        channels=("dim_in", "dim_out"),
        names={
            "exp_ratio": "exp_ratio",
            "act_layer": "act_layer",
            "dw_ks": "dw_ks",
            "stride": "stride",
            "dim_head": "dim_head",
            "window_size": "window_size",
            "qkv_bias": "qkv_bias",
        },
    ),
}
