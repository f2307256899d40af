"""LSK: the published classes that hold these weights."""

from __future__ import annotations

from surgeon.blocks.published.form import Reference, fixed

CASES: dict[str, Reference] = {
    "lsk.block": Reference(block="lsk", channels=("dim",), settings=fixed(variant="block")),
    "lsk.attention": Reference(block="lsk", channels=("d_model",), settings=fixed(variant="attention")),
}
