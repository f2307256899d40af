"""The book that a counting pass writes: which module is running, and what its operators cost.

Pure bookkeeping, torch-free. What rows and modules cost sums to the total by construction.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from surgeon.profiler.flops.liveness import Allocation, MemoryLog

OUTSIDE = ""
"""Row under which operators are booked that run in no row."""


@dataclass(slots=True)
class Tally:
    """Running sums of what one module ran itself, its submodules apart, while one row was running.

    Attributes:
        row: Path of the row.
        path: Path of the module.
        macs: MACs, by definition where a module states one.
        executed: MACs of the operators that ran.
        elementwise: FLOPs of normalisation, activation, pooling, resampling and pointwise operators.
        read, written: Bytes that its operators read and wrote.
        named: Elementwise MACs of definitions, by name.
        operators: By operator: calls, MACs executed, elementwise FLOPs, bytes read, bytes written.
    """

    row: str
    path: str
    macs: int = 0
    executed: int = 0
    elementwise: int = 0
    read: int = 0
    written: int = 0
    named: dict[str, int] = field(default_factory=dict)
    operators: dict[str, list[int]] = field(default_factory=dict)


class Ledger:
    """Books operators while a forward pass runs.

    Args:
        row_paths: Module paths of the rows. An operator belongs to the innermost row that is running, and in it to the
            innermost module.
    """

    def __init__(self, row_paths: Collection[str]) -> None:
        self._row_paths = frozenset(row_paths)
        self._places: dict[str, dict[str, str]] = {}
        """By the first path of a module in several places: its paths by that of the module around it."""
        self.restart()

    def also(self, first: str, path: str) -> None:
        """The module that tells of itself by its ``first`` path is at another as well."""
        places = self._places.setdefault(first, {_parent(first): first})
        places[_parent(path)] = path

    def restart(self) -> None:
        """Forget what was booked."""
        self._tallies: dict[tuple[str, str], Tally] = {}
        self._now = self._tally(OUTSIDE, "")
        self.memory = MemoryLog()
        self._events = self.memory.events
        self._stack: list[tuple[Tally, bool]] = []
        self.defined = False
        """Whether what runs now is inside a module that counts by its definition."""
        self.softmax_in_place = False
        """Whether what runs now is PyTorch's fused attention, which overwrites the products with their softmax."""
        self.uncounted: dict[str, None] = {}
        self._stated: dict[str, None] | None = None

    def enter(self, path: str) -> None:
        """The module at ``path`` starts running."""
        if path in self._places:
            path = self._place(path)
        self._stack.append((self._now, self.defined))
        if path in self._row_paths:
            self._now = self._tally(path, path)
            self._events.append(path)
        else:
            row = self._now.row
            self._now = self._tally(row or self._row_around(path), path)
            if self._now.row is not row:
                self._events.append(self._now.row)

    def leave(self) -> None:
        """The innermost running module ends."""
        row = self._now.row
        self._now, self.defined = self._stack.pop()
        if self._now.row is not row:
            self._events.append(self._now.row)

    def define(self, macs: int, elementwise: Mapping[str, int]) -> None:
        """Let a definition speak for the innermost module: until it ends, what runs is `executed` only."""
        self.defined = True
        self._now.macs += macs
        for name, amount in elementwise.items():
            self._now.named[name] = self._now.named.get(name, 0) + amount

    @contextmanager
    def stating(self) -> Iterator[Callable[[int], None]]:
        """As `define`, by a formula that speaks at the end: the context gives the function that takes its MACs.

        Operators that nobody can count are covered by the formula, and not listed. What they ran is then taken to be
        what the others leave of the formula's figure.
        """
        self.defined, before = True, sum(tally.executed for tally in self)
        unknown = self._stated = {}

        def state(macs: int) -> None:
            self._now.macs += macs
            rest = macs - sum(tally.executed for tally in self) + before
            if unknown and rest > 0:
                self.book(" + ".join(unknown), rest, 0, 0, 0)

        try:
            yield state
        finally:
            self._stated = None

    def book(self, operator: str, macs: int, elementwise: int, read: int, written: int) -> None:
        """An operator ran.

        Args:
            operator: Its name.
            macs: Its multiply-accumulate operations.
            elementwise: FLOPs of one that has none.
            read: Bytes of its inputs.
            written: Bytes of its outputs.
        """
        now = self._now
        if macs:
            now.executed += macs
            if not self.defined:
                now.macs += macs
        now.elementwise += elementwise
        now.read += read
        now.written += written
        sums = now.operators.get(operator)
        if sums is None:
            now.operators[operator] = [1, macs, elementwise, read, written]
        else:
            sums[0] += 1
            sums[1] += macs
            sums[2] += elementwise
            sums[3] += read
            sums[4] += written

    def book_leaf(self, path: str, operator: str, work: tuple[int, int, int, int]) -> None:
        """A module ran that is no row, and runs one operator: `enter`, `book` and `leave` in one step.

        Args:
            path: Of the module.
            operator: Its operator.
            work: What `book` takes beside that: MACs, elementwise FLOPs, bytes read, bytes written.
        """
        if path in self._places:
            path = self._place(path)
        around = self._now
        row = around.row or self._row_around(path)
        tally = self._tallies.get((row, path))
        if tally is None:
            own = 0 if self.defined else work[0]
            self._tallies[row, path] = Tally(row, path, own, *work, {}, {operator: [1, *work]})
        else:
            self._now = tally
            self.book(operator, *work)
            self._now = around

    def hold(self, result: Any, size: int) -> None:
        """A fresh tensor is there: its memory is held until its storage dies, views of it included.

        Args:
            result: The tensor.
            size: Its bytes.
        """
        events = self._events  # as `MemoryLog.made`, without another call: this is done for every tensor of a pass
        result.untyped_storage().held = Allocation((events, len(events)))
        events.append(size)

    def pass_by(self, size: int) -> None:
        """An operator allocates ``size`` bytes beside its result, and gives them up at its end."""
        if size:
            self.memory.passing(size)

    def book_uncounted(self, operator: str) -> None:
        """An operator ran whose MACs nobody knows."""
        if self._stated is not None:
            self._stated[operator] = None
            return
        self.uncounted[f"{operator} in {self._now.path or 'the model'}"] = None

    def __iter__(self) -> Iterator[Tally]:
        """What was booked."""
        return iter(self._tallies.values())

    def _place(self, path: str) -> str:
        """Under which of a shared module's paths it is called now: the one inside the module that runs."""
        places, running = self._places[path], self._now.path
        if running in places:
            return places[running]
        return next((place for place in places.values() if place.startswith(f"{running}.")), path)

    def _row_around(self, path: str) -> str:
        """The row that a module belongs to which runs while no row does: a hook of the row may run it after it."""
        while path and path not in self._row_paths:
            path = _parent(path)
        return path

    def _tally(self, row: str, path: str) -> Tally:
        tally = self._tallies.get((row, path))
        if tally is None:
            tally = self._tallies[row, path] = Tally(row, path)
        return tally


def _parent(path: str) -> str:
    return path.rpartition(".")[0]
