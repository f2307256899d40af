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
    from surgeon.blocks.planted import PlantedBlock

__all__ = ["restore", "restore_foreign"]


def restore(payload: Mapping[str, Any]) -> PlantedBlock:
    """Rebuild one planted block; called by the unpickler."""
    from surgeon.blocks import planted

    return planted.restore(payload)


def restore_foreign(payload: Mapping[str, Any]) -> PlantedBlock:
    """Rebuild one planted block of the user's own class, importing it; called by the unpickler."""
    from surgeon.blocks import planted

    return planted.restore_foreign(payload)


def _register() -> None:
    from surgeon.models.ultralytics import autoload

    autoload.install()


_register()
