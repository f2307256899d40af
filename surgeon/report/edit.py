"""The report of an edit: what was changed, which tensors were kept, which promises were checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from surgeon.profiler.results import Comparison
from surgeon.report import units
from surgeon.report.comparison_tables import comparison_document
from surgeon.report.tables import Column, Document, Emphasis, Facts, Notes, Part, Row, Table
from surgeon.report.training import training_parts
from surgeon.surgery.training import Training

_NAMES_SHOWN = 6


class CheckLine(NamedTuple):
    """One promise of an edit, and whether it held."""

    name: str
    passed: bool
    detail: str = ""
    ran: bool = True

    @property
    def result(self) -> str:
        """The word for the table: what was not run is not called passed."""
        if not self.passed:
            return "FAILED"
        return "passed" if self.ran else "not run"


@dataclass(frozen=True, slots=True, kw_only=True)
class EditReport:
    """What one edit did, as facts.

    Attributes:
        source: The model that was edited.
        outputs: Files that were written (or would be, in a dry run).
        edits: One sentence an edit, in order.
        copied, adopted, fresh, dropped: Number of tensors that stayed, that a block took over from the module it
            replaces, that were newly made, and left behind.
        copied_names, adopted_names, fresh_names, dropped_names: Their names, empty where not listed.
        checks: The promises, in the order they were checked.
        notes: Sentences that belong under the report.
        comparison: Before and after, None where not measured.
        training: How to train what was written, None where Ultralytics' trainer does not take it.
        dry_run: Whether nothing was written.
    """

    source: str
    outputs: tuple[str, ...] = ()
    edits: tuple[str, ...] = ()
    copied: int = 0
    adopted: int = 0
    fresh: int = 0
    dropped: int = 0
    copied_names: tuple[str, ...] = ()
    adopted_names: tuple[str, ...] = ()
    fresh_names: tuple[str, ...] = ()
    dropped_names: tuple[str, ...] = ()
    checks: tuple[CheckLine, ...] = ()
    notes: tuple[str, ...] = ()
    comparison: Comparison | None = None
    training: Training | None = None
    dry_run: bool = False

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)


def edit_document(report: EditReport, *, all_rows: bool = False) -> Document:
    """The report of an edit, its comparison included.

    Args:
        report: What the edit did.
        all_rows: Show every row of the network in the comparison, and every tensor name.
    """
    parts: list[Part] = [
        Notes(title="edits", sentences=report.edits),
        Facts(title="tensors", items=_tensors(report, all_rows)),
        _checks(report),
    ]
    if report.comparison is not None:
        compared = comparison_document(report.comparison, all_rows=all_rows)
        parts += [Notes(title=compared.title, sentences=compared.lines), *compared.parts]
    if report.training is not None:
        parts += training_parts(report.training)
    parts.append(Notes(title="notes", sentences=report.notes))
    return Document(title=_title(report), lines=_lines(report), parts=tuple(parts))


def _title(report: EditReport) -> str:
    return f"{report.source} -> {', '.join(report.outputs)}" if report.outputs else report.source


def _lines(report: EditReport) -> tuple[str, ...]:
    failed = sum(not check.passed for check in report.checks)
    if failed:
        return (f"{units.plural(failed, 'check')} of {len(report.checks)} FAILED: nothing was written",)
    return ("dry run: nothing was written",) if report.dry_run else ()


def _tensors(report: EditReport, all_names: bool) -> tuple[tuple[str, str], ...]:
    """Counts with names; of the copied ones only the count, for they are all the rest."""
    adopted = [("taken over", report.adopted, report.adopted_names)] if report.adopted else []
    groups = (
        ("copied", report.copied, report.copied_names if all_names else ()),
        *adopted,
        ("fresh", report.fresh, report.fresh_names),
        ("dropped", report.dropped, report.dropped_names),
    )
    return tuple((name, f"{number:,}{_some(names, all_names)}") for name, number, names in groups)


def _some(names: tuple[str, ...], all_names: bool) -> str:
    if not names:
        return ""
    shown = names if all_names else names[:_NAMES_SHOWN]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return f": {', '.join(shown)}{more}"


def _checks(report: EditReport) -> Table:
    columns = (
        Column(title="check", shrink_to=20, wrap=True),
        Column(title="result", role="verdict"),
        Column(title="detail", shrink_to=20, wrap=True),
    )
    rows = tuple(
        Row(
            cells=(check.name, check.result, check.detail),
            emphasis=Emphasis.NORMAL if check.passed else Emphasis.CHANGED,
        )
        for check in report.checks
    )
    return Table(title="checks", columns=columns, rows=rows)
