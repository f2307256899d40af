"""The block's own time beside the difference end to end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from surgeon.profiler.results import PairedLatency
from surgeon.report.row_difference import row_difference


def pair(ratio: float, low: float, high: float, baseline_ms: float = 30.0) -> PairedLatency:
    return PairedLatency(
        pairs=100,
        ratio=ratio,
        ratio_low=low,
        ratio_high=high,
        verdict="slower",
        baseline_ms=baseline_ms,
        candidate_ms=baseline_ms * ratio,
        log_ratios=(),
        stopped_by="precision",
        elapsed_s=1.0,
    )


@pytest.fixture
def edited(insert_gam):
    return insert_gam(10)


def added(v8n, edited):
    result, _ = edited
    (row,) = [row for row in result.layers if row.planted]
    assert row.latency_ms and row.latency_plus_minus_ms
    return row


def test_rows_and_whole_agree(v8n, edited):
    row = added(v8n, edited)
    ratio = 1 + row.latency_ms / 30
    said = row_difference(v8n, edited[0], pair(ratio, ratio - 0.01, ratio + 0.01), edited[1])
    assert said.startswith(f"the changed row by itself: +{row.latency_ms:.2f} ms [") and said.endswith("they agree.")


def test_intervals_that_hold_anything_agree_on_nothing(v8n, edited):
    row = added(v8n, edited)
    whole = 1 + row.latency_ms / 30
    wide = (row.latency_ms * 1.2) / 30
    for low, high in ((whole - wide, whole + wide), (whole - 0.55 * wide, whole + 0.55 * wide)):
        said = row_difference(v8n, edited[0], pair(whole, low, high), edited[1])
        assert "too noisy to tell" in said and "they agree." not in said
    layers = [replace(one, latency_plus_minus_ms=50.0) if one.planted else one for one in edited[0].layers]
    said = row_difference(v8n, replace(edited[0], layers=tuple(layers)), pair(whole, 0.9, 1.5), edited[1])
    assert "too noisy to tell" in said


def test_rows_and_whole_do_not_agree(v8n, edited):
    row = added(v8n, edited)
    ratio = 1 + (row.latency_ms + 5) / 30
    said = row_difference(v8n, edited[0], pair(ratio, ratio - 0.01, ratio + 0.01), edited[1])
    assert "DO NOT agree" in said and "--time-budget" in said


def test_nothing_is_said_where_rows_were_not_timed(v8n, edited):
    bare = replace(edited[0], layers=tuple(replace(row, latency_ms=None) for row in edited[0].layers))
    assert row_difference(v8n, bare, pair(1.1, 1.0, 1.2), edited[1]) == ""
    assert row_difference(v8n, edited[0], pair(1.1, 0, float("inf")), edited[1]) == ""
    assert row_difference(v8n, v8n, pair(1.0, 0.99, 1.01)) == ""
