"""SGE: the published classes that hold these weights."""

from __future__ import annotations

from surgeon.blocks.published.form import Reference

CASES: dict[str, Reference] = {
    "sge.official": Reference(block="sge", channels=(), names={"groups": "groups"}),
}
