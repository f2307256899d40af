"""What a planted block is called: its catalog name, or ``package.module:Class`` for a user's own. Torch-free."""

from __future__ import annotations

from surgeon.blocks import catalog


def is_foreign(name: str) -> bool:
    """Whether a name means a user's own class, so that building it imports the user's code."""
    return ":" in name


def display_name(name: str) -> str:
    """The name that tables show: ``GAM``, or the class of ``package.module:Class``."""
    return name.rpartition(":")[2] if is_foreign(name) else catalog.get(name).title
