"""LCT: the published class that holds these weights."""

from __future__ import annotations

from surgeon.blocks.published.form import Reference

CASES: dict[str, Reference] = {
    "lct.thirdparty": Reference(block="lct", channels=("channels",), names={"groups": "groups", "eps": "eps"}),
}
