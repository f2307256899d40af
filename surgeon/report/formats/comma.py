"""Results as CSV: records of `surgeon.report.records`, units in the column names, values as measured."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from surgeon.errors import InputError
from surgeon.report.records import Record, network_records, row_records
from surgeon.report.report import Report

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def networks(report: Report) -> str:
    """One record a network.

    Raises:
        InputError: The results hold no network's figures.
    """
    records = network_records(report.networks)
    if report.scores:
        records = [{**record, "map_percent": report.scores.get(record["model"])} for record in records]
    return _csv(records)


def rows(report: Report) -> str:
    """One record a row of each network; raises as `networks`."""
    return _csv(row_records(report.networks))


def _csv(records: Sequence[Record]) -> str:
    if not records:
        raise InputError("there are no figures for a CSV file: nothing was measured (an edit whose comparison failed)")
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in record.items()} for record in records)
    return out.getvalue()


def _cell(value: object) -> object:
    """Empty for what was not measured; a text that a spreadsheet would run as a formula gets a quote before it."""
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return repr(value) if isinstance(value, float) else value
