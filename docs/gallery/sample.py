"""At which two widths a block is drawn: those where its defaults fit, or lose least."""

from __future__ import annotations

from surgeon.blocks.catalog import BlockInfo

PAIRS = ((256, 512), (384, 768))
"""Wide enough for every reduction to tell the two apart; the second divides by three."""


def widths(info: BlockInfo) -> tuple[int, int]:
    """The two widths. An adapted number of heads changes no box, another setting may."""

    def lost(pair: tuple[int, int]) -> tuple[int, int]:
        notes = notes_at(info, pair[0])
        return sum("heads is" not in note for note in notes), len(notes)

    return min(PAIRS, key=lost)


def notes_at(info: BlockInfo, channels: int) -> tuple[str, ...]:
    """Which defaults are adapted at a width, a sentence each."""
    return info.resolve(channels, channels, {}).notes
