"""From the result of an undo to the facts of its report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from surgeon.report.undo import UndoReport

if TYPE_CHECKING:
    from surgeon.workflows import UndoResult


def report_of(result: UndoResult, paths: tuple[Path, ...]) -> UndoReport:
    """The facts of an undo that was carried out and written."""
    return UndoReport(
        source=result.before.source,
        outputs=tuple(map(str, paths)),
        undone=tuple(str(edit) for entry in result.undone for edit in reversed(entry.recipe.edits)),
        made_from=Path(result.undone[-1].source).name,
        kept=len(result.kept),
        removed=result.removed,
        restored=result.restored,
        restored_from=result.restored_from,
        same_tensors=result.same_tensors,
        same_description=result.same_description,
        notes=tuple(_notes(result)),
    )


def _notes(result: UndoResult) -> Iterator[str]:
    source = result.before.source
    if result.same_tensors and result.blocks_trained:
        yield f"The blocks were trained; what they had learned is in {source} only."
    if result.trained:
        yield (
            f"The weights of {source} are no longer those of the edit (it was trained, or built anew): the blocks are "
            "gone, all other weights are kept as they are now. Without the blocks the network computes something else."
        )
        if not result.same_description:
            yield (
                "model.yaml has its former rows; what else differs in it (a number of classes, for example) was "
                "changed since the edit."
            )
        if result.restored:
            yield f"What came back from {result.restored_from} is as it was before the edit, not trained."
    drift = result.after.drift
    if drift is not None and drift.lost:
        fate = "no rebuild keeps them" if drift.unrestored else "surgeon keeps them at the next edit"
        yield (
            f"{len(drift.lost)} tensors, first {drift.lost[0]}, do not survive a stock rebuild from its yaml, as "
            f"before the edit; {fate}."
        )
