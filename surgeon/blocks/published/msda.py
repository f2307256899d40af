"""MSDA: the published class that holds these weights."""

from __future__ import annotations

from surgeon.blocks.published.form import Reference

CASES: dict[str, Reference] = {
    "msda.official": Reference(
        block="msda",
        channels=("dim",),
        names={
            "num_heads": "num_heads",
            "qkv_bias": "qkv_bias",
            "qk_scale": "qk_scale",
            "attn_drop": "attn_drop",
            "proj_drop": "proj_drop",
            "kernel_size": "kernel_size",
            "dilation": "dilation",
        },
    ),
}
