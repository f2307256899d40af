from __future__ import annotations

import json
from dataclasses import replace

import pytest

from surgeon.report.edit import EditReport, edit_document
from surgeon.report.formats.console import to_text
from surgeon.report.formats.fragment import to_html
from surgeon.report.formats.machine import to_dict
from surgeon.report.formats.markdown import to_markdown
from surgeon.surgery.training import RowMove, Training

FREEZE = "[0,1,2,4,5]"
ALONE = f"yolo train model=edited.pt data=coco8.yaml 'freeze={FREEZE}' " + " ".join(f"word{i}=1" for i in range(20))


@pytest.fixture
def report() -> EditReport:
    training = Training(
        moves=(
            RowMove(first=0, last=2, now=0),
            RowMove(first=3, last=3, now=None),
            RowMove(first=4, last=9, now=4),
            RowMove(first=10, last=22, now=11),
        ),
        freeze_before=10,
        freeze=FREEZE,
        embed_before=21,
        embed=22,
        blocks=("model.3",),
        only_blocks=ALONE,
        everything="yolo train model=edited.pt data=coco8.yaml",
        classes=80,
    )
    return EditReport(source="yolov8n.pt", outputs=("edited.pt", "edited.yaml"), training=training)


def test_numbers_are_translated_and_commands_stay_in_one_line(report):
    text = to_text(edit_document(report), width=60)
    assert "0-2 as before, 3 gone, 4-9 as before, 10-22 now 11-23" in " ".join(text.split())
    assert f"freeze=10   now freeze={FREEZE}" in text
    assert "embed=[21]  now embed=[22]" in text
    lines = text.splitlines()
    assert ALONE in lines and "yolo train model=edited.pt data=coco8.yaml" in lines
    assert "of its own 80 classes" in " ".join(lines)
    assert f"    {ALONE}" in to_markdown(edit_document(report)).splitlines()
    assert f"<pre>{ALONE.replace(chr(39), '&#x27;')}</pre>" in to_html(edit_document(report))


def test_json_holds_numbers_and_commands(report):
    found = json.loads(json.dumps(to_dict(report)))["training"]
    assert found["rows"][1] == {"first": 3, "last": 3, "now": None}
    assert found["freeze"] == {"before": 10, "now": [0, 1, 2, 4, 5]}
    assert found["embed"] == {"before": [21], "now": [22]}
    assert found["commands"]["only_blocks"] == ALONE
    assert to_dict(replace(report, training=None))["training"] is None


def test_what_stays_trainable_beside_the_block_is_said(report):
    training = replace(
        report.training, also_trained=("model.6.gamma",), moving_statistics=tuple(f"model.{i}.bn" for i in range(5))
    )
    text = " ".join(to_text(edit_document(replace(report, training=training))).split())
    assert "frozen but model.6.gamma, which a freeze list cannot name" in text
    assert "running statistics of model.0.bn, model.1.bn, model.2.bn and 2 more move all the same. The head is" in text


def test_a_planted_head_is_not_called_frozen(report):
    training = replace(report.training, blocks=("model.23.cv2.0.0",))
    text = to_text(edit_document(replace(report, training=training)))
    assert "Everything else is frozen" in text and "The head is frozen" not in text


def test_a_long_freeze_list_is_printed_in_one_piece(report):
    entries = [0, 1, *(f"{row}.m.0.cv2.bn" for row in range(2, 10))]
    training = replace(report.training, freeze=json.dumps(entries, separators=(",", ":")))
    lines = to_text(edit_document(replace(report, training=training))).splitlines()
    assert f"'freeze={training.freeze}'" in lines and "now the list below" in " ".join(lines)


def test_where_no_list_can_say_it_no_command_is_printed(report):
    text = to_text(edit_document(replace(report, training=replace(report.training, only_blocks=None))))
    assert "A freeze list cannot leave model.3 alone trainable" in text
    assert "freeze=[" in text, "the translation stays"
    assert "alone\nyolo" not in text


def test_gone_rows_and_edits_without_a_block(report):
    training = replace(
        report.training, blocks=(), only_blocks=None, embed=None, moves=(RowMove(first=0, last=22, now=0),)
    )
    text = to_text(edit_document(replace(report, training=training)))
    assert "every row keeps its number" in text and "row 21 is gone" in text and "alone" not in text


def test_commands_hold_no_control_characters(report):
    training = replace(report.training, everything="yolo train model=\x1b[31mred.pt")
    assert "\x1b" not in to_text(edit_document(replace(report, training=training)))
