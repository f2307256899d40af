"""The file that is about to be written, in a process that knows only the framework; and the way back."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import nn

from surgeon.errors import SurgeonError
from surgeon.surgery.checks.copies import image_of
from surgeon.surgery.checks.outcome import Check
from surgeon.surgery.checks.passes import Passes, look, same

Write = Callable[[Path], object]
Undo = Callable[[], nn.Module]


def check_reload(passes: Passes, write: Write) -> Iterator[Check]:
    """The check ``reload``: a fresh process gives bit-equal output.

    Args:
        passes: The networks.
        write: Writes the edited model to a path, as it will be written.
    """
    image = image_of(passes.after, passes.sizes[-1])
    expected = look(passes.after.copied(), image).outputs
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "edited.pt")
        write(path)
        try:
            found = passes.after.outputs_of(path, image)
        except SurgeonError as error:
            detail = f"a fresh process that knows only the framework cannot use the file: {error}"
            yield Check(name="reload", passed=False, detail=detail)
            return
    equal = same(expected, found)
    detail = "the file, loaded by a fresh process that knows only the framework, puts out the same bits"
    yield Check(
        name="reload", passed=equal, detail=detail if equal else detail.replace("the same bits", "other values")
    )


def check_undo(passes: Passes, undo: Undo) -> Iterator[Check]:
    """The check ``undo``: state dict and ``model.yaml`` equal those of the original byte for byte.

    Args:
        passes: The networks.
        undo: Gives the edited network without the edit.
    """
    try:
        undone = undo()
    except SurgeonError as error:
        yield Check(name="undo", passed=False, detail=f"the edit cannot be undone: {error}")
        return
    what = _difference(passes.before.module, undone)
    if what is not None:
        yield Check(name="undo", passed=False, detail=f"undoing the edit gives another {what} than the original's")
        return
    count = len(passes.old_state)
    detail = f"undoing the edit gives the original back: {count} tensors and model.yaml byte for byte"
    yield Check(name="undo", passed=True, detail=detail)


def _difference(before: nn.Module, undone: nn.Module) -> str | None:
    old, new = before.state_dict(), undone.state_dict()
    for name in dict.fromkeys([*old, *new]):
        if name not in old or name not in new or old[name].dtype != new[name].dtype:
            return f"tensor {name}"
        if not torch.equal(old[name], new[name]):
            return f"tensor {name}"
    if list(old) != list(new):
        return "order of tensors"
    return None if getattr(before, "yaml", None) == getattr(undone, "yaml", None) else "model.yaml"
