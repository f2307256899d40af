"""Variants as a table of 80 columns, with what must be known of it."""

from __future__ import annotations

import math
from dataclasses import replace

from surgeon.profiler.results import PairedLatency, ProfileResult, VariantResult
from surgeon.profiler.saved import from_json, to_json
from surgeon.report.formats.console import to_text
from surgeon.report.profile_tables import profile_document
from surgeon.report.tables import Document, Notes, Table
from surgeon.report.variants import variants_parts

PAIRED = PairedLatency(
    pairs=120,
    ratio=0.637,
    ratio_low=0.6312,
    ratio_high=0.6444,
    verdict="inconclusive",  # the longest word
    baseline_ms=29.31,
    candidate_ms=18.67,
    log_ratios=(),
    stopped_by="budget",
    elapsed_s=9.8,
)
SAME = VariantResult(
    name="onnxruntime",
    precision="float32",
    build_s=112.34,
    difference=3.05e-5,
    relative=6.4e-8,
    tolerance=1e-4,
    same_network=True,
    note="compared in 1 of eager's 6 outputs",
    built_once=True,
    median_ms=118.67,
    paired=PAIRED,
)
EAGER = VariantResult(name="eager", precision="float32", median_ms=129.31)
ABSENT = VariantResult(name="openvino", missing="openvino is not installed: pip install openvino")


def shown(result: ProfileResult, *variants: VariantResult) -> tuple[Table, str]:
    table, notes = variants_parts(replace(result, variants=variants))
    assert isinstance(table, Table) and isinstance(notes, Notes)
    return table, to_text(Document(title="", parts=(table, notes)))


def test_everything_fits_into_80_columns(v8n: ProfileResult) -> None:
    table, text = shown(v8n, EAGER, replace(SAME, name="channels_last"), SAME, ABSENT)
    assert max(map(len, text.splitlines())) <= 80
    line = next(line for line in text.splitlines() if line.startswith("onnxruntime  "))
    assert line.split() == ["onnxruntime", "118.67", "ms", "0.637x", "0.631", "-", "0.644", *line.split()[7:]]
    assert line.split()[7:] == ["inconclusive", "3.0e-05", "112.3"]
    assert table.column("verdict") == ("-", "inconclusive", "inconclusive", "not timed")
    flat = " ".join(text.split())
    assert "openvino: openvino is not installed: pip install openvino." in flat
    assert "onnxruntime 6.4e-08" in flat and "0.0001 in float32" in flat
    assert "channels_last, onnxruntime: compared in 1 of eager's 6 outputs." in flat
    assert "120 blocks of random order, in 9.8 s, stopped by the time budget" in flat
    assert "channels_last, onnxruntime: built once" in flat


def test_another_network_has_no_verdict_but_its_word(v8n: ProfileResult) -> None:
    fast = replace(PAIRED, verdict="faster")
    wrong = replace(SAME, relative=0.01, same_network=False, paired=fast)
    table, text = shown(v8n, EAGER, wrong)
    assert table.column("verdict")[1] == "not the same"
    flat = " ".join(text.split())
    assert "differ from eager's by 1.0e-02 of the largest, more than 0.0001, which float32 explains." in flat
    assert "Its time against eager's: faster." in flat
    nan = replace(wrong, difference=math.inf, relative=math.inf)
    table, text = shown(v8n, EAGER, nan)
    assert table.column("max diff")[1] == "not finite" and "its outputs are not eager's." in text


def test_too_few_blocks_have_no_interval(v8n: ProfileResult) -> None:
    few = replace(PAIRED, ratio_low=0.0, ratio_high=math.inf, reason="only 8 pairs fitted into 3.1 s")
    table, text = shown(v8n, EAGER, replace(SAME, paired=few))
    assert table.column("95 % CI")[1] == "too few" and "onnxruntime: only 8 pairs fitted into 3.1 s." in text


def test_they_are_part_of_a_profile_that_can_be_saved(v8n: ProfileResult) -> None:
    assert variants_parts(v8n) == ()
    result = replace(v8n, variants=(EAGER, SAME, ABSENT))
    assert from_json(to_json(result)) == result
    assert "variants" in [table.title for table in profile_document(result).tables]
    assert not result.interrupted
    assert replace(result, variants=(replace(EAGER, missing="not timed: interrupted"),)).interrupted
    cut = replace(SAME, paired=replace(PAIRED, stopped_by="interrupt"))
    assert replace(result, variants=(EAGER, cut)).interrupted


def test_an_older_result_has_none(v8n: ProfileResult) -> None:
    text = to_json(v8n).replace(' "variants": [],\n', "")
    assert '"variants"' not in text.replace('  "variants": []', "")
    older = from_json(text)
    assert isinstance(older, ProfileResult) and older.variants == ()
