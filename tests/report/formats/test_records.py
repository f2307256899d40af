"""CSV and records: raw values with units in the names."""

from __future__ import annotations

import csv
import io
import sys
from dataclasses import replace

import pytest

from surgeon.errors import InputError, MissingDependencyError
from surgeon.report.formats import comma
from surgeon.report.records import network_records, row_records
from surgeon.report.report import Report
from surgeon.shown import ShownComparison, ShownProfile, shown


def test_values_are_raw_and_missing_ones_empty(edit, v8n) -> None:
    baseline, candidate = csv.DictReader(io.StringIO(comma.networks(edit)))
    pair = edit.networks[0].paired[0]
    assert float(candidate["latency_ratio"]) == pair.ratio and float(baseline["paired_baseline_ms"] or "nan") != 0
    assert (baseline["latency_ratio"], baseline["role"], candidate["role"]) == ("", "baseline", "candidate")
    assert int(candidate["macs"]) == edit.networks[0].results[1].counts.macs
    bare = replace(v8n, latency=None, memory=None)
    (row,) = csv.DictReader(io.StringIO(comma.networks(Report(results=(bare,)))))
    assert row["latency_median_ms"] == row["peak_activation_bytes"] == row["role"] == ""


def test_every_record_of_a_kind_has_the_same_keys(edit, family, profile) -> None:
    for records in (network_records, row_records):
        keys = {tuple(one) for report in (edit, family, profile) for one in records(report.networks)}
        assert len(keys) == 1
        measured = [
            name for name in keys.pop() if any(word in name for word in ("latency", "paired_", "bytes", "height"))
        ]
        ends = ("_ms", "_bytes", "_px", "_ratio", "_low95", "_high95", "_verdict", "_pairs", "_runs")
        assert all(name.endswith(ends) for name in measured)


def test_no_cell_is_a_formula(v8n) -> None:
    evil = replace(v8n, name="=cmd|'/c calc'!A1", source='+1,"2"\n3')
    (row,) = csv.DictReader(io.StringIO(comma.networks(Report(results=(evil,)))))
    assert (row["model"], row["source"]) == ("'=cmd|'/c calc'!A1", '\'+1,"2"\n3')


def test_a_data_frame_where_pandas_is_there(comparison, monkeypatch) -> None:
    result = shown(ShownComparison, comparison)
    pandas = pytest.importorskip("pandas")
    frame = result.to_pandas()
    assert isinstance(frame, pandas.DataFrame) and list(frame["params"]) == [one.params for one in comparison.results]
    assert len(result.to_pandas("rows")) == len(result.records("rows")) == 23 + 24
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingDependencyError, match="pip install pandas"):
        result.to_pandas()
    assert result.records()[0]["model"] == "yolov8n"
    with pytest.raises(InputError, match="by 'networks' or by 'rows'"):
        result.records("layers")


def test_a_result_saves_itself_in_any_format(v8n, tmp_path) -> None:
    result = shown(ShownProfile, v8n)
    path = result.save(tmp_path / "v8n.md")
    assert path.read_text("utf-8").startswith("### yolov8n")
    with pytest.raises(InputError, match="force=True"):
        result.save(path)
    result.save(path, force=True, format="csv")
    assert path.read_text("utf-8").startswith("model,role,")
    with pytest.raises(InputError, match="known are"):
        result.save(tmp_path / "v8n.xlsx")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["v8n.md"]


def test_a_saved_file_opens_as_what_shows_itself(comparison, v8n, tmp_path) -> None:
    import surgeon

    shown(ShownComparison, comparison).save(tmp_path / "c.json")
    (again,) = surgeon.open_results(tmp_path / "c.json")
    assert again == shown(ShownComparison, comparison) and again.records() == network_records([comparison])
    assert set(again._repr_mimebundle_()) == {"text/plain", "text/html", "text/markdown", "text/latex"}
