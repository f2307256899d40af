"""Training mode: one image alone, and the first batch of a training."""

from __future__ import annotations

from collections.abc import Iterator

from surgeon.surgery.checks.copies import image_of, open_copy
from surgeon.surgery.checks.outcome import Check
from surgeon.surgery.checks.outputs import all_finite
from surgeon.surgery.checks.passes import Passes, first_line, same, size_text


def check_batch_of_one(passes: Passes) -> Iterator[Check]:
    """The check ``batch of one``: a forward pass in training mode, gates open."""
    size = passes.sizes[0]
    image = image_of(passes.after, size)
    try:
        outputs = open_copy(passes).train_outputs(image)
    except Exception as error:  # a user's own block raises what it likes
        if _original_fails(passes):
            detail = f"the unedited network itself takes no single image in training mode at {size_text([size])}"
            yield Check(name="batch of one", passed=True, detail=detail, ran=False)
            return
        detail = f"one image in training mode at {size_text([size])}: {first_line(error)}"
        yield Check(name="batch of one", passed=False, detail=detail)
        return
    finite = all_finite(outputs) and bool(outputs)
    detail = f"one image in training mode at {size_text([size])}, gates open: " + ("finite" if finite else "not finite")
    yield Check(name="batch of one", passed=finite, detail=detail)


def _original_fails(passes: Passes) -> bool:
    try:
        passes.before.copied().train_outputs(image_of(passes.before, passes.sizes[0]))
    except Exception:
        return True
    return False


def check_first_batch(passes: Passes) -> Iterator[Check]:
    """The check ``first batch``: loss under the same random state equal to the original's, else training outputs.

    An edit that promises no identity only has to give finite values.
    """
    image = image_of(passes.before, passes.sizes[0], batch=2)
    old = passes.before.copied().first_losses(image)
    if old is None:
        what = "outputs in training mode"
        try:
            old = passes.before.copied().train_outputs(image)
        except Exception as error:  # a network that wants its targets, for example
            detail = f"the unedited network itself does not run on images alone in training mode: {first_line(error)}"
            yield Check(name="first batch", passed=True, detail=detail, ran=False)
            return
        new = passes.after.copied().train_outputs(image)
    else:
        what = f"loss of a first batch ({', '.join(f'{float(value.sum()):.6g}' for value in old[:1])})"
        found = passes.after.copied().first_losses(image)
        if found is None:
            yield Check(name="first batch", passed=False, detail="the edited network computes no loss")
            return
        new = found
    if not passes.plan.keeps_output:
        detail = f"{what.partition(' (')[0]}: finite" if all_finite(new) else f"{what.partition(' (')[0]} is not finite"
        yield Check(name="first batch", passed=all_finite(new), detail=detail)
        return
    equal = same(old, new)
    detail = f"{what} equal bit for bit to the original's, same random state"
    if not equal:
        detail = f"{what} differs from the original's under the same random state"
    yield Check(name="first batch", passed=equal, detail=detail)
