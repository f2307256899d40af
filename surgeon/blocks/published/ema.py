"""EMA: the published class that holds these weights."""

from __future__ import annotations

from surgeon.blocks.published.form import Reference

CASES: dict[str, Reference] = {
    "ema.official": Reference(block="ema", channels=("channels",), names={"factor": "factor"}, others=("c2",)),
}
