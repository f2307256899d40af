"""What a forward pass holds in memory, from the order in which its results are made and given up.

Pure bookkeeping, torch-free: who makes a result says so, and hangs an `Allocation` on its storage; views share the
storage, so the allocation ends when PyTorch would free the memory. What a backend allocates inside an operator is not
seen: oneDNN packs the weights and maps of a convolution, which on a CPU is the peak of networks with wide layers on
small maps.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any


class Allocation(tuple[Any, ...]):
    """Memory of one result, as ``(releases, number)``; its own end is the memory's."""

    __slots__ = ()

    def __del__(self) -> None:
        """Tell that the memory is free."""
        self[0].append(~self[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Liveness:
    """What was alive during a pass.

    Attributes:
        peak_bytes: Most bytes alive at once.
        sum_bytes: Bytes of all results together.
        peak_row: The row that ran at the peak, None where nothing was allocated.
        row_peaks: By row, most bytes alive at once while it ran.
    """

    peak_bytes: int
    sum_bytes: int
    peak_row: Any
    row_peaks: dict[Any, int]


class MemoryLog:
    """Results in the order in which they were made, and their ends between them."""

    __slots__ = ("_end", "_events", "_outputs", "_rows", "_sizes")

    def __init__(self) -> None:
        self._events: list[int] = []
        """Number n of a result where it was made, ``~n`` where it was given up."""
        self._sizes: list[int] = []
        self._rows: list[Hashable] = []
        self._end = 0
        self._outputs: list[int] = []

    def made(self, size: int, row: Hashable) -> Allocation:
        """A result of ``size`` bytes is made while ``row`` runs; it lives as long as what this returns."""
        number = len(self._sizes)
        self._sizes.append(size)
        self._rows.append(row)
        self._events.append(number)
        return Allocation((self._events, number))

    def begins(self, row: Hashable) -> None:
        """A row starts: what is alive then counts for it, even if it allocates nothing."""
        self._sizes.append(0)
        self._rows.append(row)
        self._events.append(len(self._sizes) - 1)

    def close(self, outputs: Iterable[Allocation]) -> None:
        """The pass is over.

        Args:
            outputs: Allocations of what the network returned. Other results that nothing has given up by now are what
                the network keeps for its next pass (a head's anchors), and that one does not make again: they are
                left out of the `summary`.
        """
        self._end = len(self._events)
        self._outputs = [output[1] for output in outputs]

    def summary(self) -> Liveness:
        """What was alive when, until the pass was over."""
        events, sizes, rows = self._events[: self._end], self._sizes, self._rows
        counted = {~event for event in events if event < 0}.union(self._outputs)
        alive = peak = 0
        peak_row: Hashable = None
        row_peaks: dict[Hashable, int] = {}
        for event in events:
            if event < 0:
                alive -= sizes[~event]
                continue
            row = rows[event]
            if event in counted:
                alive += sizes[event]
            if alive > row_peaks.get(row, -1):
                row_peaks[row] = alive
            if alive > peak:
                peak, peak_row = alive, row
        total = sum(sizes[number] for number in counted)
        return Liveness(peak_bytes=peak, sum_bytes=total, peak_row=peak_row, row_peaks=row_peaks)
