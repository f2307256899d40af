"""AIFI: the published class that holds these weights."""

from __future__ import annotations

from surgeon.blocks.published.form import Reference

CASES: dict[str, Reference] = {
    "aifi.ultralytics": Reference(
        block="aifi",
        channels=("c1",),
        names={
            "cm": "cm",
            "num_heads": "num_heads",
            "dropout": "dropout",
            "normalize_before": "normalize_before",
        },
    ),
}
