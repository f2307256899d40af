"""How a model's ``fuse()`` reaches planted blocks that have a simpler form for inference.

Ultralytics folds its own classes only; a re-parametrised convolution (OREPA) would stay in its training form.

Internals used: ``BaseModel.fuse`` of ``ultralytics.nn.tasks`` (8.0.0), and of the YOLOv5 and YOLOv9 repositories.
"""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

from torch import nn

from surgeon.blocks.planted import PlantedBlock

_WRAPPED = "_surgeon_wraps"


def register(tasks: ModuleType) -> None:
    """Wrap ``BaseModel.fuse`` of a module with model classes once; safe to call again."""
    base = getattr(tasks, "BaseModel", None)
    stock = getattr(base, "fuse", None)
    if stock is None or hasattr(stock, _WRAPPED):
        return

    @functools.wraps(stock)
    def fuse(self: nn.Module, *args: Any, **named: Any) -> Any:
        for module in list(self.modules()):
            if isinstance(module, PlantedBlock) and not module.fused:
                module.fuse()
        return stock(self, *args, **named)

    setattr(fuse, _WRAPPED, stock)
    base.fuse = fuse  # type: ignore[union-attr]
