"""DWR and SIR: the classes that hold these weights."""

from __future__ import annotations

from surgeon.blocks.published.form import Reference, fixed

CASES: dict[str, Reference] = {
    "dwr.paper": Reference(block="dwr", channels=("dim",), settings=fixed(variant="paper")),
    "dwr.paste": Reference(block="dwr", channels=("dim",), settings=fixed(variant="paste"), others=("act",)),
    "sir.paper": Reference(block="sir", channels=("dim",), names={"expansion": "expansion"}),
}
