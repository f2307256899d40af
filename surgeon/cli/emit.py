"""A result goes to its readers: a report on stdout, JSON in a file or alone on stdout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import click

from surgeon.cli.options import Showing
from surgeon.profiler.results import SCHEMA_VERSION, Comparison, ProfileResult
from surgeon.report.documents import Reportable
from surgeon.report.tables import Document, Table

STDOUT = "-"


def emit(result: Reportable, showing: Showing) -> None:
    """Show one result, and write its JSON where that was asked for.

    Raises:
        OutputError: The JSON file cannot be written.
    """
    from surgeon.report.documents import document_of
    from surgeon.report.machine import to_dict

    document = None if showing.json == STDOUT else document_of(result, all_rows=showing.all_rows)
    emit_data(document, None if showing.json is None else to_dict(result), showing.json)


def emit_all(
    results: Sequence[ProfileResult | Comparison], json: str | None, *, all_rows: bool = False, tables: bool = True
) -> None:
    """Show results of several image sizes one after the other; their JSON is a single document.

    Raises:
        OutputError: The JSON file cannot be written.
    """
    from surgeon.report.documents import document_of
    from surgeon.report.machine import to_dict

    data = [to_dict(result) for result in results] if json is not None else []
    several = {"schema_version": SCHEMA_VERSION, "kind": "results", "results": data}
    emit_data(None, data[0] if len(data) == 1 else several, json)
    if json == STDOUT:
        return
    for number, result in enumerate(results):
        document = document_of(result, all_rows=all_rows)
        if not tables:
            document = replace(document, parts=tuple(p for p in document.parts if not isinstance(p, Table)))
        if number:
            click.echo()
        emit_data(document, None, None)


def emit_data(document: Document | None, data: dict[str, Any] | None, target: str | None) -> None:
    """Show a document, write data as JSON; with ``-`` the data alone goes to stdout.

    Raises:
        OutputError: The JSON file cannot be written.
    """
    from surgeon.report.machine import write_json

    if data is not None and target is not None:
        write_json(data, target)
    if target != STDOUT and document is not None:
        from surgeon.report.console import show

        show(document)
