"""SimAM: the published class."""

from __future__ import annotations

from surgeon.blocks.published.form import Reference

CASES: dict[str, Reference] = {
    "simam": Reference(block="simam", channels=("channels",), names={"e_lambda": "e_lambda"}),
}
