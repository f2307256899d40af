"""Real results in every format, as they were accepted; ``pytest --rewrite-goldens`` accepts what is said now."""

from __future__ import annotations

import pytest

from surgeon.report.formats import registry
from surgeon.report.formats.registry import FORMATS
from surgeon.report.report import Report

ELSEWHERE = {"html", "json"}
"""The page has tests of its own; JSON opens again to the same result."""
LEFT_OUT = {
    ("family", "node-data-latency"): "its rows were not timed",
    ("family", "model-explorer"): "the same as for the edit, four times as long",
}


@pytest.mark.parametrize("name", [one.name for one in FORMATS if one.name not in ELSEWHERE])
def test_golden(real: tuple[str, Report], name: str, golden) -> None:
    kind, report = real
    if (kind, name) in LEFT_OUT:
        pytest.skip(LEFT_OUT[kind, name])
    chosen = registry.named(name)
    golden(f"formats/{kind}{chosen.suffixes[0]}", registry.render(report, chosen))


def test_every_format_has_a_name_a_suffix_and_a_renderer_of_its_own() -> None:
    for values in ([one.name for one in FORMATS], [one.renderer for one in FORMATS]):
        assert len(set(values)) == len(values)
    suffixes = [suffix for one in FORMATS for suffix in one.suffixes]
    assert len(set(suffixes)) == len(suffixes)
    for one in FORMATS:
        for suffix in one.suffixes:
            assert registry.of_file(f"some.file{suffix}") is one
