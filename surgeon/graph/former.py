"""The network as it was before an edit, row by row: what a record tells and an undo carries out. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerRow:
    """One row of the network before the edit.

    Attributes:
        now: Its index in the edited network; None where the edit took it out.
        source: The rows it read, as its description had them (-1 is the row before it).
        description: Its row of the ``model.yaml``, where the edit took it out.
    """

    now: int | None
    source: int | tuple[int, ...]
    description: tuple[Any, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerNetwork:
    """What an undo restores.

    Attributes:
        rows: All rows before the edit, in order; empty for a network that has none, whose paths never move.
        backbone: How many of them were the backbone's.
        grafts: How many grafts the edit planted; they are the last of the record.
        former_grafts: The grafts that the record held before the edit, None where it had no list of them.
    """

    rows: tuple[FormerRow, ...]
    backbone: int
    grafts: int = 0
    former_grafts: tuple[Mapping[str, Any], ...] | None = None

    @property
    def dropped(self) -> tuple[int, ...]:
        """Rows that the edit took out."""
        return tuple(index for index, row in enumerate(self.rows) if row.now is None)

    def back(self, path: str) -> str | None:
        """Where a module of the edited network stood before the edit; None in a row that the edit planted.

        Args:
            path: Path in the edited network, ``model.11.cv1``.
        """
        if not self.rows:
            return path
        return _renumbered(path, {row.now: index for index, row in enumerate(self.rows) if row.now is not None})

    def forth(self, path: str) -> str | None:
        """Where a module of the former network stands in the edited one; None where the edit took its row out."""
        if not self.rows:
            return path
        return _renumbered(path, {index: row.now for index, row in enumerate(self.rows) if row.now is not None})


def _renumbered(path: str, numbers: Mapping[int, int]) -> str | None:
    stem, _, rest = path.partition(".")
    number, dot, inner = rest.partition(".")
    if stem != "model" or not number.isdigit():
        return path
    new = numbers.get(int(number))
    return None if new is None else f"{stem}.{new}{dot}{inner}"
