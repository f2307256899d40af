"""The network that an edit aims at, row by row: what surgery plans and a model carries out. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBlock:
    """A block to be built.

    Attributes:
        module: Catalog name, or ``package.module:Class``.
        in_channels: Width of its input; of each, for a block that takes a list.
        out_channels: Width of its output.
        settings: Every constructor argument (a user's own class: the explicit ones).
        start: ``identity`` or ``paper``.
        adapter: Whether surgeon itself added it, to change the width.
        replaces: Path, in the original network, of the module that it stands in for and takes tensors over from.
    """

    module: str
    in_channels: int | tuple[int, ...]
    out_channels: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    start: str = "identity"
    adapter: bool = False
    replaces: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRow:
    """One row of the network to be.

    Attributes:
        key: Stable key; of an original row the same as before.
        section: The section it belongs to.
        inputs: Keys of what it reads.
        source: Index of the original row that it is, None for a new block.
        block: The new block, None for an original row.
        like: Key of the original row whose output has the height and width of this one's; empty where none is known.
    """

    key: str
    section: str
    inputs: tuple[str, ...]
    source: int | None = None
    block: NewBlock | None = None
    like: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedGraft:
    """One change inside the module tree that leaves the rows and every index as they are.

    Attributes:
        key: Stable key of the new block (``gam0``); of a removal, of what goes (``removed0``).
        host: Path of the module that it changes, in the original network (``model.4.m.0.cv2``).
        how: ``after`` (the block reads the host's output), ``before`` (the host reads the block), ``replace`` (the
            block stands in for the host), ``remove`` (the host's input takes the place of its output).
        name: Name of the child module that holds the block; empty where it takes the host's own.
        port: For ``before``, which of the host's inputs; None for its only one.
        block: The new block; None for a removal.
    """

    key: str
    host: str
    how: str
    name: str = ""
    port: int | None = None
    block: NewBlock | None = None

    @property
    def path(self) -> str:
        """Path of the planted module, in the original network's numbering."""
        return f"{self.host}.{self.name}" if self.name else self.host
