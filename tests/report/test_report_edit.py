from __future__ import annotations

from dataclasses import replace

import pytest

from surgeon.report.documents import document_of
from surgeon.report.edit import CheckLine, EditReport, edit_document
from surgeon.report.formats.console import to_text


@pytest.fixture
def report(comparison) -> EditReport:
    return EditReport(
        source="yolov8n.pt",
        outputs=("yolov8n-gam.pt", "yolov8n-gam.yaml"),
        edits=("insert GAM (256 channels, rate 4) after backbone.9 (SPPF)",),
        copied=355,
        fresh=14,
        fresh_names=tuple(f"model.10.block.conv{number}.weight" for number in range(14)),
        copied_names=("model.0.conv.weight",),
        checks=(CheckLine("output bit-identical", True, "64x64 and 64x96"), CheckLine("block is alive", True)),
        notes=("The optimizer state was dropped.",),
        comparison=comparison,
    )


def test_golden(report, golden):
    golden("edit_80.txt", to_text(edit_document(report)))
    golden("edit_120_ascii.txt", to_text(edit_document(report), width=120, encoding="ascii"))
    assert document_of(report) == edit_document(report)


def test_names_are_listed_in_full_on_demand(report):
    assert "and 8 more" in to_text(edit_document(report))
    full = to_text(edit_document(report, all_rows=True))
    assert "model.10.block.conv13.weight" in full
    assert "model.0.conv.weight" in full


def test_a_failed_check_is_told_first_and_in_full(report):
    detail = "23 tensors of model.22.cv3 are missing after a rebuild; " * 3
    failed = replace(report, checks=(*report.checks, CheckLine("rebuild", False, detail)))
    text = to_text(edit_document(failed))
    assert text.splitlines()[1] == "1 check of 3 FAILED: nothing was written"
    assert text.count("are missing") + text.count("are\n") >= 3
    assert not failed.passed


def test_dry_run_and_bare_report():
    text = to_text(edit_document(EditReport(source="yolov8n.pt", dry_run=True)))
    assert text.splitlines()[:2] == ["yolov8n.pt", "dry run: nothing was written"]
