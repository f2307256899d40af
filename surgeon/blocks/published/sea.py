"""Sea attention: the published class that holds these weights."""

from __future__ import annotations

from surgeon.blocks.published.form import Reference

CASES: dict[str, Reference] = {
    "sea.attention": Reference(
        block="sea",
        channels=("dim",),
        names={
            "key_dim": "key_dim",
            "num_heads": "num_heads",
            "attn_ratio": "attn_ratio",
            "activation": "activation",
        },
    ),
}
