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
        in_channels, out_channels: Its widths.
        settings: Every constructor argument (a user's own class: the explicit ones).
        start: ``identity`` or ``paper``.
    """

    module: str
    in_channels: int
    out_channels: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    start: str = "identity"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRow:
    """One row of the network to be.

    Attributes:
        key: Stable key; of an original row the same as before.
        section: The section it belongs to.
        inputs: Keys of what it reads.
        source: Index of the original row that it is, None for a new block.
        block: The new block, None for an original row.
    """

    key: str
    section: str
    inputs: tuple[str, ...]
    source: int | None = None
    block: NewBlock | None = None
