"""A result goes to its readers: a report on stdout, a file in any format, JSON in a file or alone on stdout."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

import click

from surgeon.cli.options import QUIET, STDOUT, require_free_file
from surgeon.cli.reporting import Reporting
from surgeon.report.report import Report
from surgeon.report.tables import Document
from surgeon.report.writing import write_whole


def emit_report(report: Report, reporting: Reporting) -> None:
    """Write a report where that was asked for, and show it unless data takes standard output.

    Args:
        report: The results and what is shown of them.
        reporting: Where they go.

    Raises:
        OutputError: A file cannot be written.
    """
    if reporting.json is not None:
        from surgeon.report.formats.machine import all_to_dict

        emit_data(None, all_to_dict(report.results), reporting.json)
    try:
        _write_report(report, reporting)
    finally:  # what was measured is shown even where it cannot be written
        if not reporting.is_piped:
            for number, document in enumerate(report.documents):
                if number:
                    click.echo()
                emit_data(document, None, None)


def _write_report(report: Report, reporting: Reporting) -> None:
    from surgeon.report.formats import registry

    chosen = reporting.chosen
    if chosen is None:
        return
    text = registry.render(report, chosen)
    if reporting.pipes_format:
        encoding = sys.stdout.encoding or "utf-8"
        sys.stdout.write(text.encode(encoding, errors="replace").decode(encoding))
    else:
        path = Path(str(reporting.output))
        write_whole(path, lambda target: target.write_text(text, encoding="utf-8"), reporting.option)
        _say_written(path)


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


def emit_text(text: str, reporting: Reporting) -> None:
    """Write a text as it is to the file that ``-o`` names, else to standard output.

    Raises:
        OutputError: The file exists or cannot be written.
    """
    if reporting.output is None or reporting.output == STDOUT:
        click.echo(text, nl=False)
        return
    path = Path(reporting.output)
    require_free_file(reporting.output, reporting.option, (), force=reporting.force)
    write_whole(path, lambda target: target.write_text(text, encoding="utf-8"), reporting.option)
    _say_written(path)


def _write(data: dict[str, Any], target: str) -> None:
    from surgeon.report.formats.machine import write_json

    if target == STDOUT:
        write_json(data, STDOUT)
        return
    write_whole(Path(target), lambda path: write_json(data, str(path)), "--json")
    _say_written(Path(target))


def _say_written(path: Path) -> None:
    """Name a file on stderr, unless --quiet."""
    context = click.get_current_context(silent=True)
    if context is None or not context.meta.get(QUIET):
        with contextlib.suppress(OSError):
            click.echo(f"wrote {path}", err=True)
