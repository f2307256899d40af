"""How much of an edit is verified, and what the full checks need of the other workflows."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from surgeon.errors import InputError, MissingDependencyError

if TYPE_CHECKING:
    from surgeon.models.opened import OpenedModel
    from surgeon.surgery.checks import Check, Passes

LEVELS = ("fast", "full")
_FULL_NEEDS = ("onnx", "onnxruntime")


def require_level(checks: str) -> None:
    """Refuse an unknown level, and one that needs what is not installed.

    Raises:
        InputError: It is none of `LEVELS`.
        MissingDependencyError: ``full`` without the packages for ONNX.
    """
    if checks not in LEVELS:
        raise InputError(f"checks {checks!r} is unknown: {' or '.join(LEVELS)}")
    missing = [name for name in _FULL_NEEDS if importlib.util.find_spec(name) is None] if checks == "full" else []
    if missing:
        raise MissingDependencyError(
            f"--checks full exports the edited network, and {' and '.join(missing)} "
            f'{"is" if len(missing) == 1 else "are"} not installed: pip install "yolo-surgeon[onnx]", or use '
            "--checks fast"
        )


def check_fully(passes: Passes, before: OpenedModel, after: OpenedModel) -> tuple[Check, ...]:
    """The checks that take seconds.

    Args:
        passes: Those of the fast checks.
        before: The model as it was.
        after: The edited model, its record complete.

    Raises:
        CheckError: A promise does not hold.
    """
    from surgeon.models.family import family_of
    from surgeon.surgery.checks import check_fully as verify
    from surgeon.workflows.history import undo

    return verify(
        passes,
        write=lambda path: family_of(after).write(after, path, force=True),
        undo=lambda: undo(after, source=before).after.module,
    )
