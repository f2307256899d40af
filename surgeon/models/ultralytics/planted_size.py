"""How many parameters a planted block has, before a file makes us build it: by the catalog's closed forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks import catalog
from surgeon.blocks.naming import is_foreign
from surgeon.errors import BlockError


def planted_parameters(name: str, c1: Any, c2: Any, settings: Any) -> int:
    """Parameters of a catalog block as a file describes it, without its gate.

    Args:
        name: Its name.
        c1: Width of its input; a list of widths, for a block that takes a list.
        c2: Width of its output.
        settings: Its settings.

    Returns:
        The number; 0 for a user's own class, of which nothing is known, and for what cannot be built at all.
    """
    if is_foreign(name) or not isinstance(settings, Mapping):
        return 0
    try:
        info = catalog.get(name)
        if info.takes_list == isinstance(c1, int):
            return 0
        # Smallest map: parameters do not depend on it.
        return int(info.cost(c1, c2, 1, 1, info.resolve(c1, c2, settings).settings).params)
    except (BlockError, TypeError, ValueError, ArithmeticError):
        return 0
