"""The book of a training step: what forward and backward cost, by the module whose forward made the work.

Autograd numbers the nodes of its graph in the order in which the forward makes them. So the numbers between the start
and the end of a module are its nodes, and what a node runs in the backward pass belongs to that module.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from surgeon.profiler.flops.ledger import OUTSIDE


@dataclass(slots=True)
class Step:
    """Running sums of one module's own work, its submodules apart, while one row was running.

    Attributes:
        row: Path of the row.
        path: Path of the module.
        forward, of_inputs, of_weights: MACs of the forward and of the two kinds of gradients.
    """

    row: str
    path: str
    forward: int = 0
    of_inputs: int = 0
    of_weights: int = 0


class TrainingLedger:
    """Books a training step.

    Args:
        row_paths: Module paths of the rows. Work belongs to the innermost row that is running, and in it to the
            innermost module.
        next_node: Gives the number of the node that autograd makes next.
    """

    def __init__(self, row_paths: Collection[str], next_node: Callable[[], int]) -> None:
        self._row_paths = frozenset(row_paths)
        self._next_node = next_node
        self._steps: dict[tuple[str, str], Step] = {}
        self._row_of: dict[str, str] = {}
        self._running = [self._step(OUTSIDE, "")]
        self._from: list[int] = []
        self._owners: list[Step] = []
        self._mark()
        self.uncounted: dict[str, None] = {}
        self._stated: dict[str, None] | None = None
        self._covered: list[tuple[int, int]] = []

    def enter(self, path: str) -> None:
        """The module at ``path`` starts running."""
        row = path if path in self._row_paths else self.now.row
        if not self.in_forward:  # in the backward pass, what ran before runs again without the modules around it
            row = self._row_of.get(path, row)
        self._row_of[path] = row
        self._running.append(self._step(row, path))
        self._mark()

    def leave(self) -> None:
        """The innermost running module ends."""
        self._running.pop()
        self._mark()

    @property
    def now(self) -> Step:
        """What is running."""
        return self._running[-1]

    @property
    def in_forward(self) -> bool:
        """Whether the forward method of a module is running, in the backward pass too (activation checkpointing)."""
        return len(self._running) > 1

    def owner_of(self, node: int) -> Step:
        """Whose forward made this node; the network for one from before the pass."""
        return self._owners[max(bisect_right(self._from, node) - 1, 0)]

    @property
    def forward_macs(self) -> int:
        """What was booked of forwards until now."""
        return sum(step.forward for step in self._steps.values())

    @contextmanager
    def stating(self) -> Iterator[dict[str, None]]:
        """A formula covers what runs: operators that nobody knows are named in what this gives, and in no list.

        Nor are those that derive them: the backward operators of whatever nodes the forward makes meanwhile.
        """
        unknown: dict[str, None] = {}
        start, self._stated = self._next_node(), unknown
        try:
            yield unknown
        finally:
            self._stated = None
            if unknown:
                self._covered.append((start, self._next_node()))

    def book_uncounted(self, operator: str, owner: Step, node: int | None) -> None:
        """An operator ran whose MACs nobody knows, in the backward pass for a node."""
        if node is None and self._stated is not None:
            self._stated[operator] = None
            return
        if node is not None and any(start <= node < end for start, end in self._covered):
            return
        self.uncounted[f"{operator} in {owner.path or 'the model'}"] = None

    def __iter__(self) -> Iterator[Step]:
        """What was booked."""
        return (step for step in self._steps.values() if step.forward or step.of_inputs or step.of_weights)

    def _mark(self) -> None:
        self._from.append(self._next_node())
        self._owners.append(self.now)

    def _step(self, row: str, path: str) -> Step:
        step = self._steps.get((row, path))
        if step is None:
            step = self._steps[row, path] = Step(row, path)
        return step
