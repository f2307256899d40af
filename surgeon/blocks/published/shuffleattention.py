"""ShuffleAttention: the published classes that hold these weights."""

from __future__ import annotations

from surgeon.blocks.published.form import Reference

CASES: dict[str, Reference] = {
    "shuffleatt": Reference(block="shuffleattention", channels=("channel",), names={"groups": "groups"}),
}
