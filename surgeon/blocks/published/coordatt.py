"""CoordAtt: the published classes that hold these weights."""

from __future__ import annotations

from surgeon.blocks.published.form import Reference, fixed

CASES: dict[str, Reference] = {
    "coordatt.official": Reference(block="coordatt", channels=("inp", "oup"), names={"reduction": "reduction"}),
    "coordatt.timm": Reference(block="coordatt", channels=("channels",), settings=fixed(variant="timm")),
}
