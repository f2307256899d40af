"""A result goes to its readers: a report on stdout, JSON in a file or alone on stdout."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from surgeon.cli.options import STDOUT
from surgeon.errors import OutputError
from surgeon.profiler.results import SCHEMA_VERSION, ProfileResult
from surgeon.profiler.saved import Saved
from surgeon.report.documents import Reportable
from surgeon.report.tables import Document


def emit(result: Reportable, json: str | None, *, all_rows: bool = False) -> None:
    """Show one result, and write its JSON where that was asked for.

    Raises:
        OutputError: The JSON file cannot be written.
    """
    from surgeon.report.documents import document_of
    from surgeon.report.formats.machine import to_dict

    document = None if json == STDOUT else document_of(result, all_rows=all_rows)
    emit_data(document, None if json is None else to_dict(result), json)


def emit_all(results: Sequence[Saved], json: str | None, *, all_rows: bool = False, by: str = "rows") -> None:
    """Show results of several image sizes one after the other; their JSON is a single document.

    Args:
        results: At least one.
        json: As for `emit`.
        all_rows: Of comparisons show every row.
        by: What profiles list.

    Raises:
        OutputError: The JSON file cannot be written.
    """
    from surgeon.report.documents import document_of

    _save(results, json)
    if json == STDOUT:
        return
    for number, result in enumerate(results):
        if number:
            click.echo()
        emit_data(document_of(result, all_rows=all_rows, by=by), None, None)


def emit_sweep(results: Sequence[ProfileResult], json: str | None) -> None:
    """Show one network at several sizes and batches as one table; the JSON has all of each.

    Raises:
        OutputError: The JSON file cannot be written.
    """
    from surgeon.report.sweep import sweep_document

    _save(results, json)
    emit_data(None if json == STDOUT else sweep_document(results), None, None)


def _save(results: Sequence[Saved], json: str | None) -> None:
    from surgeon.report.formats.machine import to_dict

    data = [to_dict(result) for result in results] if json is not None else []
    several = {"schema_version": SCHEMA_VERSION, "kind": "results", "results": data}
    emit_data(None, data[0] if len(data) == 1 else several, json)


def emit_data(document: Document | None, data: dict[str, Any] | None, target: str | None) -> None:
    """Show a document, write data as JSON; with ``-`` the data alone goes to stdout.

    Raises:
        OutputError: The JSON file cannot be written.
    """
    if data is not None and target is not None:
        _write(data, target)
    if target != STDOUT and document is not None:
        from surgeon.report.formats.console import show

        show(document)


def _write(data: dict[str, Any], target: str) -> None:
    from surgeon.report.formats.machine import write_json

    if target == STDOUT:
        write_json(data, STDOUT)
        return
    write_whole(Path(target), lambda path: write_json(data, str(path)), "--json")


def write_whole(path: Path, write: Callable[[Path], object], option: str) -> None:
    """Write a file whole or not at all: to a temporary file that is renamed.

    Args:
        path: The file.
        write: Writes to the path that it is given.
        option: The option that named the file, for the message.

    Raises:
        OutputError: It cannot be written.
    """
    temporary = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        write(temporary)
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}; choose another {option} FILE") from error
    finally:
        temporary.unlink(missing_ok=True)
