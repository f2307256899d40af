"""Results as one HTML page, drawn by `surgeon.report.page`."""

from __future__ import annotations

import importlib

from surgeon.errors import InputError
from surgeon.report.report import Report


def render(report: Report) -> str:
    """The page of one result.

    Raises:
        InputError: There are several results.
    """
    if len(report.results) != 1:
        raise InputError(
            f"an HTML page shows one result, and these are {len(report.results)}; write several files, or a .md or .tex"
        )
    text: str = importlib.import_module("surgeon.report.page").to_page(report.shown[0])
    return text
