"""The drawing of one block, out of its plain form run at two sizes."""

from __future__ import annotations

import torch
from plain import plain

from docs.gallery.condense import condense
from docs.gallery.dims import Sizes
from docs.gallery.sample import widths
from docs.gallery.svg import draw
from docs.gallery.trace import trace
from docs.gallery.widths import uninitialised
from surgeon.blocks import create
from surgeon.blocks.catalog import BlockInfo


def drawing(info: BlockInfo) -> str:
    """The SVG of a block at its default settings."""
    recordings, sides, both = [], [], widths(info)
    for channels, (down, across) in zip(both, ((2, 5), (3, 7)), strict=True):
        settings = info.resolve(channels, channels, {}).settings
        window = settings.get("window_size", settings.get("n_win", 4))
        height, width = down * window, across * window
        with uninitialised():
            module = create(info.name, channels).eval()
        recordings.append(trace(plain, module, torch.zeros(1, channels, height, width)))
        sides.append((height, width))
    (first, end), (second, _) = recordings
    sizes = Sizes(channels=both, heights=(sides[0][0], sides[1][0]), widths=(sides[0][1], sides[1][1]))
    return draw(f"{info.title}: graph of its operators", condense(first, second, end, sizes))
