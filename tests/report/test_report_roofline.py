"""The roofline as tables: 80 columns, a line a row, a total, and the roof above it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from surgeon.profiler.device_peak import DevicePeak
from surgeon.profiler.results import Comparison, ProfileResult
from surgeon.profiler.roofline import roofline_of
from surgeon.report.comparison_tables import comparison_document
from surgeon.report.formats.console import to_text
from surgeon.report.roofline import roofline_parts
from surgeon.report.tables import Document, Facts, Notes, Table

PEAK = DevicePeak(
    gflops=100.0, bandwidth_gbs=10.0, gflops_source="median of 15 512x512 matrix products", gflops_spread=0.3
)


@pytest.fixture
def profiled(v8n: ProfileResult) -> ProfileResult:
    layers = tuple(
        replace(row, deployed_flops=2 * row.executed, deployed_bytes=10_000 * (row.index + 1)) for row in v8n.layers
    )
    return replace(v8n, layers=layers, peak=PEAK)


def test_every_row_and_their_sum_in_80_columns(profiled: ProfileResult) -> None:
    roof, table, notes = roofline_parts(profiled)
    assert isinstance(roof, Facts) and isinstance(table, Table) and isinstance(notes, Notes)
    assert len(table.rows) == len(profiled.layers) + 1
    text = to_text(Document(title="roofline", parts=(roof, table, notes)))
    assert max(map(len, text.splitlines())) <= 80
    for word in (
        "100.0 GFLOP/s",
        "interquartile range 30.0 %",
        "10.0 GB/s (given)",
        "10.0 FLOP/B",
        "at best",
        "% of roof",
    ):
        assert word in text
    assert set(table.column("bound")) == {"memory", "compute"}
    assert table.column("GFLOP/s")[10] == "0.0"  # a resampling without FLOPs
    assert "something else used the machine" in text
    assert "not to be relied on" in " ".join(text.split())


@pytest.mark.parametrize(
    ("spread", "varied", "unreliable"), [(0.1, False, False), (0.22, True, False), (1.478, True, True)]
)
def test_a_comparison_doubts_its_roof_as_a_profile_does(
    profiled: ProfileResult, spread: float, varied: bool, unreliable: bool
) -> None:
    shaky = replace(profiled, peak=replace(PEAK, gflops_spread=spread), latency=None)
    text = to_text(comparison_document(Comparison(results=(shaky, shaky))), width=1000)
    assert "At best under it" in text
    assert ("something else used the machine" in text) == varied
    assert ("not to be relied on" in text) == unreliable


def test_a_profile_that_was_not_timed_has_no_measured_columns(profiled: ProfileResult) -> None:
    untimed = replace(profiled, latency=None, layers=tuple(replace(row, latency_ms=None) for row in profiled.layers))
    table = roofline_parts(untimed)[1]
    assert isinstance(table, Table)
    assert "ms" not in [column.title for column in table.columns]


def test_without_a_peak_or_figures_there_is_no_table(v8n: ProfileResult, profiled: ProfileResult) -> None:
    assert roofline_parts(v8n) == ()
    (said,) = roofline_parts(replace(profiled, layers=v8n.layers))
    assert isinstance(said, Notes)


def test_a_comparison_says_what_each_network_takes_at_best(profiled: ProfileResult) -> None:
    lean = replace(profiled, name="lean", latency=None, layers=profiled.layers[:-1])
    text = to_text(comparison_document(Comparison(results=(profiled, lean))), width=400)
    least = [roofline_of(one, PEAK).total.least_ms for one in (profiled, lean)]
    assert least[0] > least[1]
    share = least[0] / profiled.latency.median_ms
    assert (
        "Roof: 100.0 GFLOP/s (median of 15 512x512 matrix products, interquartile range 30.0 %), 10.0 GB/s (given). "
        f"At best under it: yolov8n {least[0]:.2f} ms ({100 * share:.1f} % of the time taken), lean {least[1]:.2f} ms."
    ) in text
    assert "Roof:" not in to_text(comparison_document(Comparison(results=(replace(profiled, peak=None),) * 2)))
