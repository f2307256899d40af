"""Fixtures of these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture
def own_formulas() -> Iterator[None]:
    """Formulas that a test registers are forgotten after it."""
    from surgeon.profiler.flops import formulas, registry

    before = dict(formulas.REGISTERED), dict(registry._OF_MODULES)
    yield
    for kept, table in zip(before, (formulas.REGISTERED, registry._OF_MODULES), strict=True):
        table.clear()
        table.update(kept)
