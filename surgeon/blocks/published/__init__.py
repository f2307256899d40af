"""The published classes whose weights can be loaded: a module a family, each with its ``CASES``.

A *case* names one published class (``gam.dengbuqi``). A module that is added here is found.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Mapping

from surgeon.blocks.published.form import Reference


@functools.cache
def all_cases() -> Mapping[str, Reference]:
    """Every case of every family."""
    found: dict[str, Reference] = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name != "form":
            found |= importlib.import_module(f"{__name__}.{module.name}").CASES
    return found
