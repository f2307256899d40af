from __future__ import annotations

from dataclasses import replace

import pytest

from surgeon.report import units
from surgeon.report.formats.console import to_text
from surgeon.report.layers_table import layers_table
from surgeon.report.profile_tables import profile_document
from surgeon.report.tables import Bar, Emphasis


def _numbers(cells):
    return [0.0 if cell.startswith("<") or cell == "-" else float(cell.replace(",", "")) for cell in cells]


@pytest.mark.parametrize(
    ("title", "half_a_digit"), [("params", 0), ("GFLOPs", 0.001), ("ms", 0.01), ("% time", 0.1), ("% GFLOPs", 0.1)]
)
def test_columns_add_up_to_the_printed_total(v8n_gam, title, half_a_digit):
    table = layers_table(v8n_gam)
    *rows, total = _numbers(table.column(title))
    assert sum(rows) == pytest.approx(total, abs=half_a_digit * len(rows) / 2 + 1e-9)


def test_the_totals_are_those_of_the_result(v8n):
    total = layers_table(v8n).rows[-1]
    assert total.emphasis is Emphasis.TOTAL
    assert units.count(v8n.params) in total.cells
    assert units.gflops(v8n.counts.macs) in total.cells


def test_parameters_outside_the_rows_are_a_row_of_their_own(v8n):
    *_, rest, total = layers_table(replace(v8n, params=v8n.params + 7)).column("params")
    assert (rest, total) == ("7", "3,157,207")


def test_no_rest_no_row(v8n):
    assert "outside rows" not in layers_table(replace(v8n, unattributed_ms=None)).column("module")


def test_executed_and_elementwise_columns_only_where_they_differ(v8n):
    titles = [column.title for column in layers_table(v8n).columns]
    assert "executed" not in titles
    assert "elementw." not in titles
    rows = (replace(v8n.layers[0], executed=1, elementwise_macs=5), *v8n.layers[1:])
    titles = [column.title for column in layers_table(replace(v8n, layers=rows)).columns]
    assert "executed" in titles
    assert "elementw." in titles


def test_shares_of_macs_without_times(v8n):
    table = layers_table(replace(v8n, latency=None, unattributed_ms=None))
    assert "ms" not in [column.title for column in table.columns]
    assert table.title.startswith("layers, share of the GFLOPs")
    bars = [cell for cell in table.column("share") if isinstance(cell, Bar)]
    assert max(bar.fraction for bar in bars) == 1


def test_the_report_states_its_conditions(v8n):
    text = to_text(profile_document(v8n), width=120)
    assert "320x320 px (HxW), batch 1, float32, cpu with 1 thread, timed fused" in text
    assert "forward with head decoding, without preprocessing and NMS" in text
    assert "1 MAC = 2 FLOPs" in text
    assert "Reproduce: surgeon profile yolov8n.pt --imgsz 320" in text


def test_uncounted_operators_are_named(v8n):
    counts = replace(v8n.counts, uncounted=("fft (model.3)",), elementwise_macs={"window": 1000}, executed=5)
    text = to_text(profile_document(replace(v8n, counts=counts)), width=120)
    assert "1 operator ran that no formula covers, the GFLOPs are a lower bound: fft (model.3)." in text
    assert "GFLOPs window" in text
    assert "GFLOPs executed" in text


def test_missing_measurements_say_so(v8n):
    bare = replace(
        v8n,
        latency=None,
        memory=None,
        unattributed_ms=None,
        model_layers=None,
        command=None,
        environment=replace(v8n.environment, load_average=None, cpu_pressure=None, cpu_quota=None, packages={}),
        settings=replace(v8n.settings, device="cuda:0", latency=False),
    )
    text = to_text(profile_document(bare))
    assert "latency             not measured" in text
    assert "peak activations    not measured" in text
    assert "cuda:0, not timed" in text


def test_an_empty_network_renders(v8n):
    empty = replace(v8n, layers=(), latency=None, unattributed_ms=None)
    assert "total" in to_text(profile_document(empty))


def test_quantiles_that_few_runs_do_not_support_are_left_out(v8n):
    few = replace(v8n.latency, samples_ms=(29.0, 31.0), warmup_runs=1, p90_ms=None, p99_ms=None)
    said = to_text(profile_document(replace(v8n, latency=None, deployment=few, deployment_threads=2)), width=200)
    assert "on 2 threads" in said and "ms median; 2 runs after 1 warm-up" in said
    assert "p90" not in said and "p99" not in said and "None" not in said
