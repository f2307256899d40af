"""The framework's trainer rebuilds a network from its own description: the edit must be in it."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from surgeon.surgery.checks.outcome import Check
from surgeon.surgery.checks.passes import Passes, image_for, look


def check_rebuild(passes: Passes) -> Iterator[Check]:
    """The check ``rebuild``: the same tensors, wiring and output."""
    after, size = passes.after, passes.sizes[-1]
    rebuilt = after.rebuilt()
    state, again = passes.new_state, rebuilt.module.state_dict()
    lost = [n for n, t in state.items() if n not in again or not torch.equal(t, again[n])]
    lost += [n for n in again if n not in state]
    if lost:
        detail = f"{len(lost)} tensors do not survive a rebuild, first {lost[0]}"
        yield Check(name="rebuild", passed=False, detail=detail)
        return
    if list(after.wiring()) != list(rebuilt.wiring()):
        yield Check(name="rebuild", passed=False, detail="a rebuild from model.yaml wires the rows differently")
        return
    equal = passes.new(size).equals(look(rebuilt, image_for(rebuilt, size)))
    how = "rebuilt from model.yaml as the trainer does" if after.described else "written and read again, as a whole"
    detail = f"{how}: {len(state)} tensors, wiring and output equal"
    yield Check(name="rebuild", passed=equal, detail=detail if equal else "a rebuilt network puts out other values")
