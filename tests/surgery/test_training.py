"""Row numbers in training commands, on graphs made by hand."""

from __future__ import annotations

import pytest

from surgeon.graph import IMAGE, Layer, LayerGraph, NewBlock, PlannedGraft, PlannedRow
from surgeon.surgery.plan import SurgeryPlan
from surgeon.surgery.recipe import Recipe, Remove
from surgeon.surgery.training import RowMove, all_but_blocks, backbone_rows, frozen_rows, row_moves

ROWS = 6
BLOCK = NewBlock(module="gam", in_channels=8, out_channels=8)


def graph() -> LayerGraph:
    """Six rows in a line: four of the backbone, two of the head."""
    layers = tuple(
        Layer(
            key=f"row{i}",
            index=i,
            kind="Conv",
            path=f"model.{i}",
            section="backbone" if i < 4 else "head",
            section_index=i if i < 4 else i - 4,
            inputs=(f"row{i - 1}" if i else IMAGE,),
            out_shape=(1, 8, 4, 4),
        )
        for i in range(ROWS)
    )
    return LayerGraph(name="line", family="ultralytics", layers=layers, imgsz=(8, 8))


def plan(*, after: tuple[int, ...] = (), without: tuple[int, ...] = (), grafts: tuple[PlannedGraft, ...] = ()):
    """Blocks behind some rows, some rows gone."""
    rows, source = [], IMAGE
    for i in range(ROWS):
        if i not in without:
            rows.append(PlannedRow(key=f"row{i}", section="backbone", inputs=(source,), source=i))
            source = f"row{i}"
        if i in after:
            rows.append(PlannedRow(key=f"gam{i}", section="backbone", inputs=(source,), block=BLOCK))
            source = f"gam{i}"
    return SurgeryPlan(
        before=graph(), recipe=Recipe(edits=(Remove(at="0"),)), rows=tuple(rows), keeps_output=True, grafts=grafts
    )


PLAIN = tuple(f"model.{i}.conv.weight" for i in range(ROWS + 2))


def test_rows_that_moved_are_told_in_runs():
    assert row_moves(plan()) == (RowMove(first=0, last=5, now=0),)
    assert row_moves(plan(after=(1,), without=(3, 4))) == (
        RowMove(first=0, last=1, now=0),
        RowMove(first=2, last=2, now=3),
        RowMove(first=3, last=4, now=None),
        RowMove(first=5, last=5, now=4),
    )
    assert backbone_rows(plan()) == 4


@pytest.mark.parametrize(
    ("after", "without", "expected"),
    [
        ((), (), (0, 1, 2, 3)),
        ((3,), (), (0, 1, 2, 3)),  # behind the frozen rows: nothing shifts
        ((2,), (), (0, 1, 2, 4)),  # the block at row 3 stays trainable
        ((0, 2), (), (0, 2, 3, 5)),
        ((), (1,), (0, 1, 2)),
    ],
)
def test_freeze_n_follows_the_rows_it_meant(after, without, expected):
    found = frozen_rows(plan(after=after, without=without), 4, PLAIN)
    assert (found.entries, found.loose) == (expected, ())


def test_all_but_the_blocks():
    assert all_but_blocks(plan(after=(1, 5)), PLAIN).entries == (0, 1, 3, 4, 5, 6)


GRAFTED = (
    "model.0.conv.weight",
    "model.1.conv.weight",
    "model.2.cv1.conv.weight",
    "model.2.m.0.cv1.conv.weight",
    "model.2.m.0.cv2.conv.weight",
    "model.2.m.0.cv2.bn.weight",
    "model.2.m.0.cv2.bn.bias",
    "model.2.m.0.cv2.surgeon_after_0.gate_logit_scale",
    "model.2.m.0.cv2.surgeon_after_0.block.conv.weight",
    "model.2.m.1.cv1.conv.weight",
    *(f"model.{i}.conv.weight" for i in range(3, ROWS)),
)
GRAFT = PlannedGraft(key="gam0", host="model.2.m.0.cv2", how="after", name="surgeon_after_0", block=BLOCK)


def test_a_row_that_holds_a_block_is_frozen_piece_by_piece():
    edit = plan(grafts=(GRAFT,))
    inside = ("2.cv1", "2.m.0.cv1", "2.m.0.cv2.conv", "2.m.0.cv2.bn", "2.m.1")
    assert all_but_blocks(edit, GRAFTED).entries == (0, 1, *inside, 3, 4, 5)
    assert frozen_rows(edit, 4, GRAFTED).entries == (0, 1, *inside, 3)
    assert frozen_rows(edit, 2, GRAFTED).entries == (0, 1), "the block's row is not among the first two"
    assert row_moves(edit) == (RowMove(first=0, last=5, now=0),)


def test_a_block_in_the_place_of_a_module_leaves_its_siblings():
    edit = plan(grafts=(PlannedGraft(key="gam0", host="model.2.m.0.cv2", how="replace", block=BLOCK),))
    assert all_but_blocks(edit, GRAFTED).entries == (0, 1, "2.cv1", "2.m.0.cv1", "2.m.1", 3, 4, 5)


def test_a_parameter_beside_the_path_cannot_be_named():
    found = all_but_blocks(plan(grafts=(GRAFT,)), (*GRAFTED, "model.2.gamma", "model.4.gamma"))
    assert found.loose == ("model.2.gamma",), "of another row it is frozen with the row"
