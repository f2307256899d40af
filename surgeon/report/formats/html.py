"""Results as one HTML page, drawn by `surgeon.report.page`."""

from __future__ import annotations

from surgeon.report.page import to_page
from surgeon.report.report import Report


def render(report: Report) -> str:
    """The page of all results; several profiles are one network at several settings."""
    return to_page(report.shown)
