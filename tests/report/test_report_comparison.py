from __future__ import annotations

from dataclasses import replace

import pytest

from surgeon.errors import InputError
from surgeon.profiler.results import Comparison
from surgeon.report import units
from surgeon.report.comparison import (
    NOT_PAIRED,
    candidate_labels,
    exact_verdict,
    metrics,
    paired_command,
    require_comparable,
)
from surgeon.report.comparison_tables import comparison_document
from surgeon.report.formats.console import to_text
from surgeon.report.rows_tables import changed_rows
from surgeon.report.tables import Document, Emphasis


def _by_key(comparison):
    return {metric.key: metric for metric in metrics(comparison)}


def test_exact_figures_get_exact_words(comparison):
    found = _by_key(comparison)
    assert list(found) == ["params", "gflops", "ultralytics", "peak_activation_bytes", "latency_ms"]
    assert found["params"].judgements[0].verdict == "more"
    assert found["peak_activation_bytes"].judgements[0].verdict == "same"
    assert found["latency_ms"].judgements[0].verdict == "slower"
    assert found["latency_ms"].judgements[0].low == 1.0851
    assert exact_verdict(1, 2) == "less"
    assert exact_verdict(None, 2) == ""


def test_executed_and_elementwise_are_shown_where_they_say_something(two_candidates):
    found = _by_key(two_candidates)
    assert "executed" in found
    elementwise = found["elementwise:neighbourhood attention"].judgements[1]
    assert (elementwise.before, elementwise.ratio, elementwise.verdict) == (0, None, "more")
    assert found["peak_activation_bytes"].judgements[1].verdict == ""


def test_unequal_settings_are_refused_by_name(v8n, v8n_gam):
    other = replace(v8n_gam, settings=replace(v8n_gam.settings, imgsz=(480, 640), threads=2))
    with pytest.raises(InputError, match=r"imgsz \(320x320 and 480x640\), threads \(1 and 2\)"):
        require_comparable(Comparison(results=(v8n, other)))


def test_a_comparison_needs_two_results_and_a_pairing_for_each(v8n, v8n_gam, slower):
    with pytest.raises(InputError, match="at least one candidate"):
        require_comparable(Comparison(results=(v8n,)))
    with pytest.raises(InputError, match="1 candidates, but 2 paired"):
        require_comparable(Comparison(results=(v8n, v8n_gam), paired=(slower, slower)))


def test_separate_runs_get_no_timed_verdict(v8n, v8n_gam):
    separate = Comparison(results=(v8n, v8n_gam))
    latency = _by_key(separate)["latency_ms"]
    assert latency.judgements[0].ratio is None
    assert latency.judgements[0].verdict == NOT_PAIRED
    assert paired_command(separate) == "surgeon compare yolov8n.pt yolov8n-gam.pt --imgsz 320"
    others = {"imgsz": (480, 640), "batch": 4, "device": "cuda:1", "dtype": "float16", "threads": 2}
    wide = Comparison(results=tuple(replace(r, settings=replace(r.settings, **others)) for r in separate.results))
    said = "--imgsz 480x640 --batch 4 --device cuda:1 --half --threads 2"
    assert paired_command(wide) == f"surgeon compare yolov8n.pt yolov8n-gam.pt {said}"
    text = to_text(comparison_document(separate))
    words = next(line for line in text.splitlines() if line.startswith("latency")).split()
    assert words == ["latency", "28.81", "ms", "31.91", "ms", "-", "-", "not", "paired"]
    assert "surgeon compare yolov8n.pt yolov8n-gam.pt --imgsz 320" in text.replace("\n", " ")


def test_untimed_results_say_not_measured(v8n, v8n_gam):
    both = Comparison(results=(replace(v8n, latency=None), replace(v8n_gam, latency=None)))
    text = to_text(comparison_document(both))
    assert text.count("not measured") == 2
    assert "separate runs" not in text
    assert "head decoding" not in text


def test_memory_by_different_methods_gets_no_verdict(v8n, v8n_gam):
    measured = replace(v8n_gam, memory=replace(v8n_gam.memory, method="max_memory_allocated"))
    judgement = _by_key(Comparison(results=(v8n, measured)))["peak_activation_bytes"].judgements[0]
    assert (judgement.ratio, judgement.method) == (None, "methods differ")


def test_figures_that_differ_never_look_equal(v8n):
    other = replace(v8n, name="b", params=v8n.params + 1, counts=replace(v8n.counts, macs=v8n.counts.macs + 1))
    table = comparison_document(Comparison(results=(v8n, other))).tables[0]
    for before, after, ratio in zip(
        table.column("before")[:2], table.column("after")[:2], table.column("ratio"), strict=False
    ):
        assert before != after
        assert ratio == ">1.000x"


def test_an_interval_that_excludes_one_does_not_seem_to_touch_it(comparison, slower):
    tiny = replace(slower, ratio=1.003, ratio_low=1.0004, ratio_high=1.0049, verdict="tiny", candidate_ms=28.9)
    table = comparison_document(replace(comparison, paired=(tiny,))).tables[0]
    assert table.column("95 % CI of ratio")[-1] == ">1.000 - 1.005"
    assert table.column("verdict")[-1] == "tiny"


def test_too_few_pairs_have_no_interval(comparison, slower):
    early = replace(slower, pairs=5, ratio_low=0.0, ratio_high=float("inf"), verdict="inconclusive")
    document = comparison_document(replace(comparison, paired=(early,)))
    assert document.tables[0].column("95 % CI of ratio")[-1] == "none yet"
    assert "latency +10.8 % (too few pairs for an interval): inconclusive" in to_text(document)


def test_only_changed_rows_unless_all_are_asked_for(comparison, v8n_gam):
    some = comparison_document(comparison).tables[1]
    assert some.title == "rows of yolov8n + GAM that changed (3 of 24; --all for every row), share of the latency"
    assert [row.emphasis for row in some.rows] == [Emphasis.ADDED, Emphasis.CHANGED, Emphasis.CHANGED]
    assert some.column("from") == ("9", "9->10", "20,9->10")
    assert len(comparison_document(comparison, all_rows=True).tables[1].rows) == len(v8n_gam.layers) + 1


def test_every_row_ends_in_the_total(comparison, v8n_gam):
    total = comparison_document(comparison, all_rows=True).tables[1].rows[-1]
    assert total.emphasis is Emphasis.TOTAL
    assert units.parameters(v8n_gam.params) in total.cells and units.gflops_brief(v8n_gam.counts.macs) in total.cells


def test_removed_and_replaced_rows(v8n, v8n_gam):
    back = comparison_document(Comparison(results=(v8n_gam, v8n))).tables[1]
    assert back.rows[0].emphasis is Emphasis.REMOVED
    assert back.rows[0].cells[:3] == ("gone", "10", "GAM")
    rows = list(v8n.layers)
    rows[9] = replace(rows[9], kind="LSKA", params=170_000)
    swapped = comparison_document(Comparison(results=(v8n, replace(v8n, name="lska", layers=tuple(rows))))).tables[1]
    assert swapped.column("module") == ("SPPF->LSKA",)
    assert swapped.column("change") == ("params",)


def test_equal_networks_have_no_changed_row(v8n):
    text = to_text(comparison_document(Comparison(results=(v8n, replace(v8n, name="copy")))))
    assert "no row of copy differs" in text


def test_labels_tell_equal_names_apart(v8n, v8n_gam):
    assert candidate_labels((v8n, replace(v8n_gam, name="yolov8n"))) == ("yolov8n.pt", "yolov8n-gam.pt")
    assert candidate_labels((v8n, v8n)) == ("yolov8n (0)", "yolov8n (1)")


def test_another_environment_is_said(v8n, v8n_gam):
    packages = {**v8n.environment.packages, "torch": "2.11.0"}
    other = replace(v8n_gam, environment=replace(v8n_gam.environment, cpu="Other", packages=packages))
    text = to_text(comparison_document(Comparison(results=(v8n, other))), width=200)
    assert "yolov8n + GAM was measured in another environment than yolov8n: cpu, torch differ." in text


def test_medians_that_contradict_the_pairs_are_explained(comparison, slower):
    odd = replace(slower, candidate_ms=28.0)
    assert "own median" in to_text(comparison_document(replace(comparison, paired=(odd,))), width=200)


def test_the_delta_of_times_has_the_sign_of_the_pairs(comparison):
    pair = replace(comparison.paired[0], ratio=0.99, ratio_low=0.98, ratio_high=1.0, baseline_ms=20.0, candidate_ms=23)
    table = comparison_document(replace(comparison, paired=(pair,))).parts[0]
    assert table.rows[-1].cells[3:5] == ("-0.20 ms", "0.990x")


def _untimed(result, **settings):
    rows = tuple(replace(row, latency_ms=None, latency_plus_minus_ms=None) for row in result.layers)
    return replace(result, layers=rows, settings=replace(result.settings, **settings))


def test_rows_without_times_have_no_column_of_dashes_and_say_what_the_bars_are(v8n, v8n_gam):
    table = changed_rows(_untimed(v8n), _untimed(v8n_gam), {}, label="x")
    assert table.title.endswith("share of the GFLOPs (rows not timed)")
    assert "ms" not in [column.title for column in table.columns]
    asked = changed_rows(v8n, _untimed(v8n_gam, latency=False), {}, label="x")
    assert asked.title.endswith("share of the GFLOPs")


def test_what_changed_is_never_cut(v8n):
    last = v8n.layers[-1]
    other = replace(last, params=last.params + 1, macs=last.macs + 1, out_shape=(1, 2, 3))
    table = changed_rows(v8n, replace(v8n, layers=(*v8n.layers[:-1], other)), {}, label="x")
    text = " ".join(to_text(Document(title="", parts=(table,)), width=80).split())
    assert "…" not in text and all(word in text for word in table.column("change")[0].split(", "))
