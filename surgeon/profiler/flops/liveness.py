"""What a forward pass holds in memory, from the order in which its results are made and given up.

Pure bookkeeping, torch-free: who makes a result says so, and hangs an `Allocation` on its storage; views share the
storage, so the allocation ends when PyTorch would free the memory. What a backend allocates inside an operator is not
seen: oneDNN packs the weights and maps of a convolution, which on a CPU is the peak of networks with wide layers on
small maps.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


class Allocation(tuple[Any, ...]):
    """Memory of one result, as ``(events, number)``; its own end is the memory's."""

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
        peak_row: Path of the row that ran at the peak, empty for none; None where nothing was allocated.
        row_peaks: By path of the row, most bytes alive at once while it ran.
    """

    peak_bytes: int
    sum_bytes: int
    peak_row: str | None
    row_peaks: dict[str, int]


class MemoryLog:
    """Results in the order in which they were made, and their ends between them.

    Attributes:
        events: The size of a result where it was made; ``~n`` where that of ``events[n]`` was given up; the path of a
            row where one starts or goes on. One list, because a pass writes it some hundred times.
    """

    __slots__ = ("_end", "_outputs", "events")

    def __init__(self) -> None:
        self.events: list[int | str] = []
        self._end = 0
        self._outputs: list[int] = []

    def made(self, size: int) -> Allocation:
        """A result of ``size`` bytes is made; it lives as long as what this returns."""
        events = self.events
        allocation = Allocation((events, len(events)))
        events.append(size)
        return allocation

    def passing(self, size: int) -> None:
        """``size`` bytes are made and given up again at once."""
        events = self.events
        events.append(size)
        events.append(-len(events))

    def close(self, outputs: Iterable[Allocation]) -> None:
        """The pass is over.

        Args:
            outputs: Allocations of what the network returned. Other results that nothing has given up by now are what
                the network keeps for its next pass (a head's anchors), and that one does not make again: they are
                left out of the `summary`.
        """
        self._end = len(self.events)
        self._outputs = [output[1] for output in outputs]

    def summary(self) -> Liveness:
        """What was alive when, until the pass was over."""
        events = self.events[: self._end]
        counted = {~event for event in events if isinstance(event, int) and event < 0}.union(self._outputs)
        sizes: dict[int, int] = {}
        row, alive, peak = "", 0, 0
        peak_row: str | None = None
        row_peaks: dict[str, int] = {}
        for number, event in enumerate(events):
            if isinstance(event, str):
                row = event
            elif event < 0:
                alive -= sizes[~event]
                continue
            elif number in counted:
                sizes[number] = event
                alive += event
            if row:
                row_peaks[row] = max(alive, row_peaks.get(row, 0))
            if alive > peak:
                peak, peak_row = alive, row
        return Liveness(peak_bytes=peak, sum_bytes=sum(sizes.values()), peak_row=peak_row, row_peaks=row_peaks)
