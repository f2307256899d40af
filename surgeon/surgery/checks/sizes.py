"""The sizes at which networks are trained, probed and validated."""

from __future__ import annotations

from collections.abc import Iterator

from surgeon.surgery.checks.gates import opened
from surgeon.surgery.checks.outcome import Check
from surgeon.surgery.checks.outputs import all_finite, same_form
from surgeon.surgery.checks.passes import Passes, first_line, image_for, look, size_text

SIZES = ((256, 256), (640, 640), (384, 640))
"""Ultralytics probes strides at 256, trains at 640 and validates at rectangular sizes; ``(H, W)``."""


def check_sizes_in_use(passes: Passes) -> Iterator[Check]:
    """The check ``sizes``: the edited network runs, gates closed and open; closed it still is the original."""
    blocks = [passes.after.module.get_submodule(path) for path in passes.plan.planted.values()]
    for size in SIZES:
        failure = None
        old = look(passes.before, image_for(passes.before, size))
        try:
            closed = look(passes.after, image_for(passes.after, size))
            with opened(blocks):
                open_ = look(passes.after, image_for(passes.after, size))
        except Exception as error:  # a user's own block raises what it likes
            failure = f"cannot run: {first_line(error)}"
        else:
            if not same_form(old, closed) or not same_form(old, open_):
                failure = "puts out other shapes"
            elif all_finite(old.outputs) and not all_finite([*closed.outputs, *open_.outputs, *open_.features]):
                failure = "puts out NaN or infinity"
            elif passes.plan.keeps_output and not old.equals(closed):
                failure = "with the gates closed puts out other values than the original"
        if failure:
            yield Check(name="sizes", passed=False, detail=f"at {size_text([size])} the edited network {failure}")
            return
    same = "equal to the original with the gates closed, " if passes.plan.keeps_output else ""
    yield Check(name="sizes", passed=True, detail=f"{same}finite with the gates open, at {size_text(SIZES)}")
