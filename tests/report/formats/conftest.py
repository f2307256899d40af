"""Real results: a profile and an edit of ``profiles/``, and a comparison of two families at two scales."""

from __future__ import annotations

from pathlib import Path

import pytest

from surgeon.report.opening import OpenedResult, open_file
from surgeon.report.report import Report

ROOT = Path(__file__).parents[3]
FILES = {
    "profile": ROOT / "profiles/yolov8n/epyc-1-thread.json",
    "edit": ROOT / "profiles/yolov8n-gam/epyc-1-thread.json",
    "family": ROOT / "tests/report/golden/family.json",
}


def saved(name: str) -> OpenedResult:
    (result,) = open_file(FILES[name])
    return result


@pytest.fixture(params=sorted(FILES))
def real(request: pytest.FixtureRequest) -> tuple[str, Report]:
    """Name and report of each."""
    return request.param, Report(results=(saved(request.param),))


@pytest.fixture
def edit() -> Report:
    return Report(results=(saved("edit"),))


@pytest.fixture
def family() -> Report:
    return Report(results=(saved("family"),))


@pytest.fixture
def profile() -> Report:
    return Report(results=(saved("profile"),))
