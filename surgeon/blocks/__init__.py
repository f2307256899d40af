"""Attention blocks for YOLO networks.

``catalog`` says what there is (torch-free data); one file per paper family holds the modules. Importing this package
loads no torch: :func:`create` imports the family that it builds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from surgeon.blocks.catalog import BlockCost, BlockInfo, Resolved, all_blocks, get, names

if TYPE_CHECKING:
    from surgeon.blocks.factory import build, create, load_factory
    from surgeon.blocks.reference import from_reference

__all__ = [
    "BlockCost",
    "BlockInfo",
    "Resolved",
    "all_blocks",
    "build",
    "create",
    "from_reference",
    "get",
    "load_factory",
    "names",
]

_LAZY = {
    "build": "surgeon.blocks.factory",
    "create": "surgeon.blocks.factory",
    "load_factory": "surgeon.blocks.factory",
    "from_reference": "surgeon.blocks.reference",
}


def __getattr__(name: str) -> Any:
    """Import what needs torch on first use (PEP 562)."""
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
