"""A checkpoint that does not match its own ``model.yaml``.

Old checkpoints do: Ultralytics changed how heads are built (``Detect.legacy``), the pickled head is as it was trained,
and a stock rebuild silently drops its tensors.

Internals used: ``Detect.legacy`` (8.3.17).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from surgeon.models.ultralytics.build import rebuild_to_look_at
from surgeon.models.ultralytics.reader import rows_of
from surgeon.models.ultralytics.registration import RECORD


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How a network differs from what its ``model.yaml`` builds.

    Attributes:
        lost: Tensors that do not survive a rebuild by stock Ultralytics.
        head_flags: Flags that make surgeon's rebuild the same network.
        unrestored: Tensors that do not survive surgeon's rebuild either.
    """

    lost: tuple[str, ...] = ()
    head_flags: dict[str, Any] | None = None
    unrestored: tuple[str, ...] = ()

    @property
    def flags(self) -> dict[str, Any]:
        """`head_flags`, empty where none are needed."""
        return self.head_flags or {}


def find_drift(module: nn.Module) -> Drift:
    """Compare a network with what its ``model.yaml`` builds."""
    lost = lost_tensors(module, rebuild_to_look_at(module))
    if not lost:
        return Drift()
    head = rows_of(module)[-1]
    if hasattr(head, "legacy"):
        for legacy in (not head.legacy, bool(head.legacy)):
            d = copy.deepcopy(dict(module.yaml))  # type: ignore[arg-type]
            d[RECORD] = {**(d.get(RECORD) or {"version": 1, "edits": []}), "head_flags": {"legacy": legacy}}
            remaining = lost_tensors(module, rebuild_to_look_at(module, d))
            if not remaining:
                return Drift(lost=lost, head_flags={"legacy": legacy})
    return Drift(lost=lost, unrestored=lost)


def lost_tensors(module: nn.Module, rebuilt: nn.Module) -> tuple[str, ...]:
    """Tensors of a network that a rebuilt one does not hold under the same name with the same values."""
    state = rebuilt.state_dict()
    return tuple(n for n, t in module.state_dict().items() if n not in state or not torch.equal(t, state[n]))
