"""NAM: the published class that holds these weights."""

from __future__ import annotations

from surgeon.blocks.published.form import Reference, renamed

CASES: dict[str, Reference] = {
    "nam": Reference(
        block="nam",
        channels=("channels",),
        tensors=renamed({"Channel_Att.bn2": "bn"}),
        others=("shape", "out_channels", "no_spatial"),
    ),
}
