"""MLCA: the published class that holds these weights."""

from __future__ import annotations

from surgeon.blocks.published.form import Reference

_SAME = ("local_size", "gamma", "b", "local_weight")

CASES: dict[str, Reference] = {
    "mlca.official": Reference(block="mlca", channels=("in_size",), names={name: name for name in _SAME}),
}
