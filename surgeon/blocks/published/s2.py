"""S²-attention: the class that holds these weights."""

from __future__ import annotations

from surgeon.blocks.published.form import Reference

CASES: dict[str, Reference] = {"s2.functional": Reference(block="s2", channels=("channels",))}
