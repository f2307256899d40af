"""What is wrong with an installation, as a document and as plain JSON data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from surgeon.doctor.finding import Finding, Level
from surgeon.report import units
from surgeon.report.tables import Column, Document, Emphasis, Notes, Row, Table

DOCTOR_SCHEMA = 1
_COLUMNS = (
    Column(title="what", shrink_to=14, wrap=True),
    Column(title="state", role="verdict"),
    Column(title="found", shrink_to=20, wrap=True),
)
_ORDER = (Level.BROKEN, Level.ADVICE, Level.FINE)


def doctor_document(findings: Sequence[Finding]) -> Document:
    """The report: what is broken first, then what could be better, then the rest; the remedies at the end."""
    ordered = sorted(findings, key=lambda one: _ORDER.index(one.level))
    rows = tuple(
        Row(
            cells=(one.subject, one.level.value, one.text),
            emphasis=Emphasis.NORMAL if one.level is Level.FINE else Emphasis.CHANGED,
        )
        for one in ordered
    )
    remedies = tuple(dict.fromkeys(one.remedy for one in ordered if one.remedy))
    return Document(
        title=f"doctor: {doctor_summary(findings)}",
        parts=(
            Table(title="findings", columns=_COLUMNS, rows=rows),
            Notes(title="remedies", sentences=remedies, verbatim=True),
        ),
    )


def doctor_summary(findings: Sequence[Finding]) -> str:
    """``1 thing is broken, 2 could be better``, ``everything is fine``."""
    bad = sum(one.level is Level.BROKEN for one in findings)
    better = sum(one.level is Level.ADVICE for one in findings)
    parts = [f"{units.plural(bad, 'thing')} {'is' if bad == 1 else 'are'} broken"] if bad else []
    parts += [f"{units.plural(better, 'thing')} could be better"] if better else []
    return ", ".join(parts) or "everything is fine"


def doctor_data(findings: Sequence[Finding]) -> dict[str, Any]:
    """The same as plain JSON data, in the order in which things were looked at."""
    return {
        "schema_version": DOCTOR_SCHEMA,
        "kind": "doctor",
        "healthy": not any(one.level is Level.BROKEN for one in findings),
        "findings": [
            {"subject": one.subject, "level": one.level.value, "text": one.text, "remedy": one.remedy}
            for one in findings
        ],
    }
