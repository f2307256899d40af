"""Comparisons of many networks on a terminal of 80 columns: names stay in one piece, beside or above their figures."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from surgeon.report.documents import document_of
from surgeon.report.formats.console import to_text
from surgeon.report.opening import open_file

FAMILY = Path(__file__).parent / "golden" / "family.json"
NAMES = (
    *("yolov8n", "yolov8n-gam", "yolov8s-worldv2", "yolo11s-obb", "yolov8n-p6", "yolov9e-seg"),
    *("yolov8n-seg-coordatt-lska", "rtdetr-resnet101", "runs/detect/train12/weights/best", "yolov10n"),
)


@pytest.fixture
def many(slower, inconclusive):
    """``many(candidates, timed)``: networks of a real comparison under other names."""
    family = open_file(FAMILY)[0]
    networks = family.results

    def make(candidates: int, *, timed: bool):
        results = tuple(
            replace(networks[at % len(networks)], name=name, source=f"{name}.pt")
            for at, name in enumerate(NAMES[: candidates + 1])
        )
        pairs = (slower, replace(inconclusive, candidate_ms=129.02), slower)
        paired = tuple(pairs[at % 3] for at in range(candidates)) if timed else ()
        return replace(family, results=results, paired=paired, renames=())

    return make


@pytest.mark.parametrize("timed", [True, False])
@pytest.mark.parametrize("candidates", [2, 5, 9])
def test_no_name_is_broken(many, candidates, timed):
    comparison = many(candidates, timed=timed)
    lines = to_text(document_of(comparison), width=80).splitlines()
    assert max(map(len, lines)) <= 80
    blank = [at for at, line in enumerate(lines) if not line]
    overview, metrics = (lines[start + 1 : end] for start, end in itertools.pairwise(blank[:3]))
    for table, ahead in ((overview[3:], 0), (metrics[2:], metrics[0].index("model"))):
        named = [line[ahead:].split()[0] for line in table if line[ahead : ahead + 2].strip()]
        assert set(named) == {result.name for result in comparison.results}


def test_a_name_above_its_figures(many):
    lines = to_text(document_of(many(9, timed=True)), width=80).splitlines()
    at = lines.index("yolov8n-seg-coordatt-lska")
    assert lines[at + 1].split() == ["2.624", "M", "-16.9", "1.624", "-25.7", "31.93", "ms", "+10.8", "slower"]
    short = next(line for line in lines if line.startswith("yolov8n-gam"))
    assert lines[at + 1].index("M ") == short.index("M ")


def test_a_name_longer_than_the_line_is_shown_to_its_end(many):
    comparison = many(2, timed=True)
    ends = ("november", "december", "january")
    results = tuple(replace(r, name=f"{'runs/' * 20}{end}") for r, end in zip(comparison.results, ends, strict=True))
    lines = to_text(document_of(replace(comparison, results=results)), width=80).splitlines()
    table = lines[lines.index(next(line for line in lines if line.startswith("network"))) :]
    assert max(map(len, lines)) <= 80
    assert [table[at].removeprefix("runs/" * 4) for at in (3, 6, 9)] == list(ends)


def test_what_nobody_measured_is_one_row(many):
    text = to_text(document_of(many(5, timed=False)), width=80)
    assert text.count("not measured") == 1


def test_what_pairs_and_medians_differ_by_is_said_once(many):
    text = to_text(document_of(many(9, timed=True)), width=200)
    assert text.count("each side's own median") == 1


def test_what_is_said_of_rows_is_one_paragraph(many):
    lines = to_text(document_of(many(5, timed=False)), width=80).splitlines()
    first = lines.index("rows of yolov8n-gam: 23 changed; --all lists every row")
    assert all(" of yolo" in line for line in lines[first : first + 5])
