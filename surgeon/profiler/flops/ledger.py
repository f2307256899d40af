"""The book that a counting pass writes: which module is running, and what its operators cost.

Pure bookkeeping, torch-free. The sum over rows plus `outside` is the total by construction.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

OUTSIDE = ""
"""Row under which operators are booked that run in no row."""


@dataclass(slots=True)
class Tally:
    """Running sums of one row: MACs by definition, MACs that ran, elementwise MACs by name."""

    macs: int = 0
    executed: int = 0
    elementwise: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Frame:
    """A module that is running: its path, the row it belongs to, whether a definition already speaks for it."""

    path: str
    row: str
    defined: bool


class Ledger:
    """Books operators on rows while a forward pass runs.

    Args:
        row_paths: Module paths of the rows. An operator belongs to the innermost row that is running.
    """

    def __init__(self, row_paths: Collection[str]) -> None:
        self._row_paths = frozenset(row_paths)
        self._frames: list[_Frame] = [_Frame("", OUTSIDE, False)]
        self.tallies: dict[str, Tally] = {path: Tally() for path in (OUTSIDE, *row_paths)}
        self.uncounted: dict[str, None] = {}

    @property
    def defined(self) -> bool:
        """Whether what runs now is inside a module that counts by its definition."""
        return self._frames[-1].defined

    def enter(self, path: str) -> None:
        """The module at ``path`` starts running."""
        top = self._frames[-1]
        self._frames.append(_Frame(path, path if path in self._row_paths else top.row, top.defined))

    def leave(self) -> None:
        """The innermost running module ends."""
        self._frames.pop()

    def define(self, macs: int, elementwise: Mapping[str, int]) -> None:
        """Let a definition speak for the innermost module: until it ends, what runs is `executed` only."""
        top = self._frames[-1]
        self._frames[-1] = _Frame(top.path, top.row, True)
        tally = self.tallies[top.row]
        tally.macs += macs
        for name, amount in elementwise.items():
            tally.elementwise[name] = tally.elementwise.get(name, 0) + amount

    def book(self, macs: int) -> None:
        """An operator ran that multiplies and adds ``macs`` times."""
        top = self._frames[-1]
        tally = self.tallies[top.row]
        tally.executed += macs
        if not top.defined:
            tally.macs += macs

    def book_uncounted(self, operator: str) -> None:
        """An operator ran whose MACs nobody knows."""
        self.uncounted[f"{operator} in {self._frames[-1].path or 'the model'}"] = None
