"""The names that checkpoints pickle: tiny and permanent.

A checkpoint edited by surgeon holds ``yolo_surgeon.restore`` and nothing else of surgeon. Unpickling it imports this
package, and importing it makes Ultralytics able to rebuild edited networks: the trainer builds the network anew from
``model.yaml``. This is the one exception to "no work at import".

Where it is missing, stock Ultralytics offers to install a distribution named like this package: ``yolo-surgeon`` is
the one that provides it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.nn import Module

    from surgeon.blocks.planted import PlantedBlock

__all__ = ["graft_after", "graft_before", "restore", "restore_foreign"]

AFTER = "surgeon_after_"
BEFORE = "surgeon_before_"
"""What the names of grafted children begin with; behind it the input's number for ``before``, then a counter."""
HOOK_KEY = -1
"""Key of a graft's hook in its host: torch counts its own from 0, and a pickled one must not collide with them."""


def restore(payload: Mapping[str, Any]) -> PlantedBlock:
    """Rebuild one planted block; called by the unpickler."""
    from surgeon.blocks import planted

    return planted.restore(payload)


def restore_foreign(payload: Mapping[str, Any]) -> PlantedBlock:
    """Rebuild one planted block of the user's own class, importing it; called by the unpickler."""
    from surgeon.blocks import planted

    return planted.restore_foreign(payload)


def graft_after(host: Module, args: tuple[Any, ...], output: Any) -> Any:
    """Forward hook of a host: its output goes through the blocks planted behind it."""
    for name, child in host._modules.items():
        if child is not None and name.startswith(AFTER):
            output = child(output)
    return output


def graft_before(host: Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Forward pre-hook of a host: one of its inputs, or an element of its list, goes through a planted block."""
    in_list = len(args) == 1 and isinstance(args[0], list | tuple)
    inputs = list(args[0]) if in_list else list(args)
    for name, child in host._modules.items():
        if child is not None and name.startswith(BEFORE):
            port = int(name.split("_")[2])
            inputs[port] = child(inputs[port])
    return (inputs,) if in_list else tuple(inputs)


def _register() -> None:
    from surgeon.models.ultralytics import autoload

    autoload.install()


_register()
