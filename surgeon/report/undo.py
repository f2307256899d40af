"""The report of an undo: what went, what came back, and whether the network is what it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from surgeon.profiler.results import SCHEMA_VERSION
from surgeon.report import units
from surgeon.report.tables import Document, Facts, Notes

_NAMES_SHOWN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoReport:
    """What an undo did, as facts.

    Attributes:
        source: The edited model.
        outputs: Files that were written.
        undone: One sentence for each edit that is gone, the last first.
        made_from: Name of what the model had been made from.
        kept: Number of tensors that stayed.
        removed: Names of the tensors that went.
        restored: Names of the tensors that came back.
        restored_from: From where; None if none did.
        same_tensors: Whether all tensors equal those before the edits byte for byte.
        same_description: Whether ``model.yaml`` does.
        notes: Sentences that belong under the report.
    """

    source: str
    outputs: tuple[str, ...]
    undone: tuple[str, ...]
    made_from: str
    kept: int
    removed: tuple[str, ...]
    restored: tuple[str, ...] = ()
    restored_from: str | None = None
    same_tensors: bool = False
    same_description: bool = False
    notes: tuple[str, ...] = ()


def undo_document(report: UndoReport) -> Document:
    """The report as a document."""
    restored = f"{units.plural(len(report.restored), 'tensor')} from {report.restored_from}{_some(report.restored)}"
    tensors = (
        ("kept", f"{units.plural(report.kept, 'tensor')}"),
        ("removed", f"{units.plural(len(report.removed), 'tensor')}{_some(report.removed)}"),
        *((("restored", restored),) if report.restored else ()),
    )
    same = (
        ("tensors", _equal(report.same_tensors, report)),
        ("model.yaml", _equal(report.same_description, report)),
    )
    return Document(
        title=f"{report.source} -> {', '.join(report.outputs)}",
        lines=(f"{units.plural(len(report.undone), 'edit')} undone",),
        parts=(
            Notes(title="undone", sentences=report.undone),
            Facts(title="tensors", items=tensors),
            Facts(title="against the model before the edit", items=same),
            Notes(title="notes", sentences=report.notes),
        ),
    )


def undo_data(report: UndoReport) -> dict[str, Any]:
    """The report as plain JSON data."""
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "undo",
        "source": report.source,
        "outputs": list(report.outputs),
        "undone": list(report.undone),
        "made_from": report.made_from,
        "tensors": {
            "kept": report.kept,
            "removed": list(report.removed),
            "restored": list(report.restored),
            "restored_from": report.restored_from,
        },
        "same_tensors": report.same_tensors,
        "same_yaml": report.same_description,
        "notes": list(report.notes),
    }


def _equal(same: bool, report: UndoReport) -> str:
    return f"equal, byte for byte ({report.made_from})" if same else "not equal"


def _some(names: tuple[str, ...]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return f": {', '.join(names[:_NAMES_SHOWN])}{more}"
