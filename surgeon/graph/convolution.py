"""A convolution with what stands behind it, as data: what a block in its place may go by. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolution:
    """One convolution, with an activation or without.

    The names are those of a catalog block's settings.

    Attributes:
        kernel_size: Height and width of the kernel where they are equal, else both.
        dilation: Distance between its taps, likewise.
        groups: Groups of channels.
        activation: ``none``, ``silu``, ``relu``, ``relu6``, or the class name of another one.
    """

    kernel_size: int | tuple[int, ...]
    dilation: int | tuple[int, ...] = 1
    groups: int = 1
    activation: str = "none"
