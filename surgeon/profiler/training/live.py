"""Bytes that are alive, from the moments at which memory is taken and given up. Torch-free.

Who takes memory hangs a `Held` on its storage; views share the storage, and autograd keeps it for as long as a backward
pass needs it, so that the count falls when PyTorch would free the memory.
"""

from __future__ import annotations


class LiveBytes:
    """A running count.

    Attributes:
        now: Bytes alive.
        peak: Most bytes that were alive at once.
    """

    __slots__ = ("now", "peak")

    def __init__(self) -> None:
        self.now = self.peak = 0

    def taken(self, size: int) -> Held:
        """``size`` bytes are taken; they are alive for as long as what this returns."""
        return Held(self, size)

    def pass_by(self, size: int) -> None:
        """``size`` bytes are taken and given up at once."""
        self.peak = max(self.peak, self.now + size)


class Held:
    """Memory of one result; its own end is the memory's."""

    __slots__ = ("_live", "_size")

    def __init__(self, live: LiveBytes, size: int) -> None:
        self._live, self._size = live, size
        live.now += size
        live.peak = max(live.peak, live.now)

    def __del__(self) -> None:
        """The memory is free."""
        self._live.now -= self._size
