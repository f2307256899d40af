"""MHSA: the published classes that hold these weights."""

from __future__ import annotations

from typing import Any

from surgeon.blocks.published.form import Arguments, Reference, Size


def _mhsa_table(arguments: Arguments, _size: Size) -> dict[str, Any]:
    """The published class calls the map's height "width"."""
    return {"table": (arguments.get("width", 14), arguments.get("height", 14))}


def _mhsa_optional(arguments: Arguments, size: Size) -> dict[str, Any]:
    """The paste has its position tables behind a switch that is off."""
    return {"position": bool(arguments.get("pos_emb", False)), **_mhsa_table(arguments, size)}


CASES: dict[str, Reference] = {
    "mhsa.leaderj1001": Reference(
        block="mhsa",
        channels=("n_dims",),
        names={"heads": "heads"},
        settings=_mhsa_table,
        others=("width", "height"),
    ),
    "mhsa.nopos": Reference(
        block="mhsa",
        channels=("n_dims",),
        names={"heads": "heads"},
        settings=_mhsa_optional,
        others=("width", "height", "pos_emb"),
    ),
}
