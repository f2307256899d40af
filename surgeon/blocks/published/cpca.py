"""CPCA: the published class that holds these weights."""

from __future__ import annotations

from surgeon.blocks.published.form import Reference

CASES: dict[str, Reference] = {
    "cpca.official": Reference(
        block="cpca",
        channels=("in_channels", "out_channels"),
        names={"channelAttention_reduce": "reduction"},
    ),
}
