"""Small images from which a framework extrapolates the GFLOPs that it prints. Torch-free data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyImages:
    """Images one cell high.

    Attributes:
        stride: Side of a cell in pixels.
        min_cells: Width of the first image in cells; the following ones are one cell wider each.
        channels: Channels of the image.
    """

    stride: int
    min_cells: int
    channels: int
