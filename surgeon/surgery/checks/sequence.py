"""The order of the checks; the first that fails ends them."""

from __future__ import annotations

from collections.abc import Iterable

from surgeon.errors import CheckError
from surgeon.progress import reached
from surgeon.surgery.checks.deployment import check_fused, check_onnx
from surgeon.surgery.checks.files import Undo, Write, check_reload, check_undo
from surgeon.surgery.checks.opening import check_opening
from surgeon.surgery.checks.outcome import Check
from surgeon.surgery.checks.outputs import check_calls, check_outputs
from surgeon.surgery.checks.own_classes import check_own_classes
from surgeon.surgery.checks.passes import Passes
from surgeon.surgery.checks.rebuild import check_rebuild
from surgeon.surgery.checks.sizes import check_sizes_in_use
from surgeon.surgery.checks.tensors import Tensors, check_tensors
from surgeon.surgery.checks.training import check_batch_of_one, check_first_batch


def check_edit(passes: Passes, tensors: Tensors, *, force: bool = False) -> tuple[Check, ...]:
    """Verify the promises of an edit in this process, at small sizes.

    Args:
        passes: Both networks.
        tensors: From `map_tensors`.
        force: Plant a user's class though parts of it have no effect.

    Raises:
        CheckError: One does not hold; the message names it.
    """
    return _require(
        # Generators: each check begins when the ones before it have passed.
        check_tensors(passes, tensors),
        check_outputs(passes),
        check_calls(passes),
        check_rebuild(passes),
        check_opening(passes),
        check_own_classes(passes, force=force),
    )


def check_fully(passes: Passes, write: Write, undo: Undo) -> tuple[Check, ...]:
    """Verify what `check_edit` leaves out because it takes seconds; to be called after it.

    Args:
        passes: Those of `check_edit`.
        write: Writes the edited model to a path, as it will be written.
        undo: Gives the edited network without the edit.

    Raises:
        CheckError: A promise does not hold; the message names it.
    """
    return _require(
        check_sizes_in_use(passes),
        check_batch_of_one(passes),
        check_first_batch(passes),
        check_undo(passes, undo),
        check_reload(passes, write),
        check_fused(passes),
        check_onnx(passes),
    )


def _require(*kinds: Iterable[Check]) -> tuple[Check, ...]:
    checks = []
    for number, results in enumerate(kinds, start=1):
        for result in results:
            if not result.passed:
                raise CheckError(f"the edit was undone, its check {result.name!r} failed: {result.detail}")
            checks.append(result)
        reached(number, len(kinds))
    return tuple(checks)
