"""Several networks: which are shown, in which order, against which baseline; and results of separate runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from surgeon.errors import InputError
from surgeon.report.choosing import Choice, chosen, side_by_side, with_baseline
from surgeon.report.comparison import NOT_PAIRED, metrics
from surgeon.report.documents import document_of
from surgeon.report.formats.console import to_text
from surgeon.report.opening import open_file
from surgeon.report.report import Report

FAMILY = Path(__file__).parent / "golden" / "family.json"


@pytest.fixture(scope="module")
def family():
    (found,) = open_file(FAMILY)
    return found


def names(comparison) -> list[str]:
    return [result.name for result in comparison.results]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        (None, "yolov8s yolo11n yolo11s"),
        ("name", "yolo11n yolo11s yolov8s"),
        ("-name", "yolov8s yolo11s yolo11n"),
        ("params", "yolo11n yolo11s yolov8s"),
        ("-gflops", "yolov8s yolo11s yolo11n"),
        ("memory", "yolo11n yolov8s yolo11s"),
        ("latency", "yolov8s yolo11n yolo11s"),
    ],
)
def test_candidates_are_sorted_behind_their_baseline(family, sort, order) -> None:
    assert names(chosen(family, Choice(sort=sort))) == ["yolov8n", *order.split()]


@pytest.mark.parametrize(
    ("conditions", "left"),
    [
        (("params<5M",), "yolo11n"),
        (("yolo11*",), "yolo11n yolo11s"),
        (("yolo11*", "gflops > 2"), "yolo11s"),
        (("memory<=9.375MiB",), "yolov8s yolo11n"),
        (("params=2624080",), "yolo11n"),
        (("latency<100ms",), "yolov8s yolo11n yolo11s"),
    ],
)
def test_conditions_leave_some_and_the_report_says_so(family, conditions, left) -> None:
    found = chosen(family, Choice(conditions=conditions))
    assert names(found) == ["yolov8n", *left.split()]
    text = to_text(document_of(found))
    said = "No candidate fulfils latency<100ms" if conditions == ("latency<100ms",) else "of 3 candidates are shown"
    assert said in text


def test_pairs_and_renames_go_with_their_networks(two_candidates) -> None:
    known = replace(two_candidates, renames=({"a": "b"}, {"c": "d"}))
    found = chosen(known, Choice(sort="ratio"))
    assert found.paired == known.paired[::-1] and found.renames == known.renames[::-1]
    assert chosen(known, Choice(conditions=("ratio>1.05",))).paired == known.paired[:1]


def test_what_was_asked_stands_in_the_json(family) -> None:
    report = Report(results=(family,), choice=Choice(conditions=("yolo11n",)))
    assert report.results == (family,) and len(report.shown[0].results) == 2


@pytest.mark.parametrize("wrong", ["cost<3", "params<much", "params<3parsecs", "<3", "params<"])
def test_a_condition_that_says_nothing_is_refused(wrong) -> None:
    with pytest.raises(InputError, match="give a pattern of names"):
        Choice(conditions=(wrong,))
    with pytest.raises(InputError, match="sort by one of name, params"):
        Choice(sort="beauty")


def test_another_baseline_has_exact_verdicts_and_no_timed_ones(two_candidates) -> None:
    found = with_baseline(two_candidates, "yolov8n + GAM")
    assert names(found) == ["yolov8n + GAM", "yolov8n", "yolov8n + ACmix"]
    by_key = {metric.key: metric for metric in metrics(found)}
    assert [one.verdict for one in by_key["params"].judgements] == ["less", "less"]
    assert {one.verdict for one in by_key["latency_ms"].judgements} == {NOT_PAIRED}
    assert with_baseline(two_candidates, "yolov8n") is two_candidates
    with pytest.raises(InputError, match="no network is called so; there are yolov8n, yolov8n"):
        with_baseline(two_candidates, "yolov9")


def test_results_of_separate_runs_stand_beside_each_other(v8n, v8n_gam) -> None:
    text = to_text(document_of(side_by_side([v8n, v8n_gam])))
    flat = " ".join(text.split())
    assert "no verdict: the same network timed twice differs" in flat
    assert "surgeon compare yolov8n.pt yolov8n-gam.pt --imgsz 320" in flat
    assert not {"slower", "faster"} & set(flat.split())


def test_per_cents_of_a_table_of_networks(family) -> None:
    (table,) = [one for one in document_of(family).tables if one.title.startswith("% against yolov8n")]
    first = [row.cells[2] for row in table.rows]
    counts = [result.params for result in family.results]
    assert first == ["", *(f"{100 * (count / counts[0] - 1):+.1f}" for count in counts[1:])]
    assert "exact" in table.title


def test_rows_of_families_line_up_by_kind_and_map(family) -> None:
    from surgeon.report.alignment import align
    from surgeon.report.tables import Emphasis

    v8n, v8s, v11n, _ = family.results
    wider = align(v8n.layers, v8s.layers)
    assert all(pair.before.index == pair.after.index for pair in wider)
    other = align(v8n.layers, v11n.layers)
    assert [pair.after.kind for pair in other if pair.status is Emphasis.ADDED] == ["C2PSA"]
    kinds = {(pair.before.kind, pair.after.kind) for pair in other if pair.before and "kind" in pair.changes}
    assert kinds == {("C2f", "C3k2")}
    assert not [pair for pair in other if pair.status is Emphasis.REMOVED]


def test_rows_of_many_networks_are_told_in_a_sentence_unless_all_are_asked_for(family) -> None:
    assert "rows of yolo11n: 14 changed, 1 added; --all lists every row" in to_text(document_of(family))
    assert "C2f->C3k2" in to_text(document_of(family, all_rows=True))
    one = replace(family, results=family.results[::2])
    assert "rows of yolo11n that changed (15 of 24" in to_text(document_of(one))
