"""What a recipe means on a network: rewiring and refusals, on graphs without any network behind them."""

from __future__ import annotations

import pytest

from surgeon.errors import BlockError, PlanError, SiteError
from surgeon.graph import IMAGE, Layer, LayerGraph
from surgeon.surgery.plan import make_plan
from surgeon.surgery.recipe import Insert, Recipe, Remove, Replace


def row(i, kind, inputs, shape, backbone=5):
    section = "backbone" if i < backbone else "head"
    return Layer(
        key=f"row{i}", index=i, kind=kind, path=f"model.{i}", section=section,
        section_index=i if i < backbone else i - backbone,
        inputs=tuple(IMAGE if k < 0 else f"row{k}" for k in inputs),
        takes_list=len(inputs) > 1, params=1, out_shape=shape,
    )  # fmt: skip


GRAPH = LayerGraph(
    name="toy",
    family="ultralytics",
    imgsz=(64, 64),
    layers=(
        row(0, "Conv", [-1], (1, 16, 32, 32)),
        row(1, "C2f", [0], (1, 16, 32, 32)),
        row(2, "Conv", [1], (1, 64, 16, 16)),
        row(3, "C2f", [2], (1, 64, 16, 16)),
        row(4, "SPPF", [3], (1, 64, 16, 16)),
        row(5, "Upsample", [4], (1, 64, 32, 32)),
        row(6, "Concat", [5, 1], (1, 80, 32, 32)),
        row(7, "C2f", [6], (1, 16, 32, 32)),
        row(8, "CBLinear", [7], None),
        row(9, "Detect", [7, 4], None),
    ),
)


def plan(*edits):
    return make_plan(GRAPH, Recipe(edits=edits))


def wiring(planned):
    return {r.key: r.inputs for r in planned.rows}


def test_after_feeds_every_consumer_skip_connections_included():
    planned = plan(Insert(module="gam", after="backbone.4"))
    assert [r.key for r in planned.rows][5] == "gam0"
    assert wiring(planned)["gam0"] == ("row4",)
    assert wiring(planned)["row5"] == ("gam0",)
    assert wiring(planned)["row9"] == ("row7", "gam0")
    assert planned.rows[5].section == "backbone"
    assert planned.renames == {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 7, 7: 8, 8: 9, 9: 10}
    assert planned.keeps_output and planned.new_keys == ("gam0",)


def test_before_changes_one_connection_only():
    planned = plan(Insert(module="gam", before="Detect:1"))
    assert wiring(planned)["row9"] == ("row7", "gam0")
    assert wiring(planned)["row5"] == ("row4",)
    assert planned.rows[9].key == "gam0" and planned.rows[9].section == "head"


def test_before_each_input():
    planned = plan(Insert(module="gam", before="Detect:*"))
    assert wiring(planned)["row9"] == ("gam0", "gam1")
    assert wiring(planned)["gam1"] == ("row4",)


def test_sites_of_one_command_count_in_the_source():
    planned = plan(Insert(module="gam", after="1"), Insert(module="lska", after="4"), Remove(at="3"))
    assert wiring(planned)["gam0"] == ("row1",)
    assert wiring(planned)["lska0"] == ("row4",)
    assert wiring(planned)["row4"] == ("row2",)
    assert [layer.key for layer in planned.dropped] == ["row3"]
    assert not planned.keeps_output


def test_two_blocks_at_one_site_stand_in_the_order_of_the_command():
    planned = plan(Insert(module="gam", after="4"), Insert(module="lska", after="4"))
    assert wiring(planned)["gam0"] == ("row4",)
    assert wiring(planned)["lska0"] == ("gam0",)
    assert wiring(planned)["row5"] == ("lska0",)
    planned = plan(Insert(module="gam", before="5"), Insert(module="lska", before="5"))
    assert wiring(planned)["row5"] == ("lska0",) and wiring(planned)["lska0"] == ("gam0",)


def test_globs_plant_one_block_a_row():
    planned = plan(Insert(module="lska", after="C2f[*]"))
    assert planned.new_keys == ("lska0", "lska1", "lska2")


def test_replace_keeps_inputs_and_consumers():
    planned = plan(Replace(module="gam", at="SPPF"))
    assert wiring(planned)["gam0"] == ("row3",) and wiring(planned)["row5"] == ("gam0",)
    assert planned.rows[4].block.start == "paper"
    assert not planned.keeps_output
    assert plan(Replace(module="gam", at="head.2")).rows[7].block.out_channels == 16


def test_the_width_is_inferred_and_defaults_adapt():
    planned = plan(Insert(module="gam", after="6"))
    assert planned.rows[7].block.in_channels == 80
    assert planned.rows[7].block.settings["rate"] == 4


@pytest.mark.parametrize(
    ("edit", "kind", "sentence"),
    [
        (Insert(module="gam", after="backbone.99"), SiteError, "backbone.0 to backbone.4"),
        (Insert(module="gma", after="4"), BlockError, "gam"),
        (Insert(module="gam", after="4", settings={"rat": 3}), BlockError, "rate"),
        (Insert(module="mhsa", after="4", settings={"heads": 5}), BlockError, "heads"),
        (
            Insert(module="acmix", after="4", settings={"stride": 2}),
            PlanError,
            "needs stride 1 here, and stride 2 is set",
        ),
        (Insert(module="gam", after="Detect"), PlanError, r"nothing reads it.*--before 'Detect:\*'"),
        (
            Insert(module="gam", after="CBLinear"),
            PlanError,
            "no single feature map but several tensors; the nearest sites that work: head.2 ",
        ),
        (Insert(module="gam", before="Detect"), PlanError, "reads 2 rows; name one: head.4:0"),
        (Insert(module="gam", before="0"), PlanError, "reads the image itself"),
        (Insert(module="gam", after="Concat:0"), PlanError, "use --before head.1:0"),
        (Replace(module="gam", at="Detect"), PlanError, "is the head"),
        (Replace(module="gam", at="Concat"), PlanError, "reads 2 rows and cannot be replaced"),
        (Replace(module="gam", at="2"), PlanError, "changes the resolution from 32x32 to 16x16.*backbone.1"),
        (Replace(module="mhsa", at="head.2"), PlanError, "turns 80 channels into 16.*--adapt.*backbone.4"),
        (Remove(at="0"), PlanError, "first row"),
        (Remove(at="2"), PlanError, "changes the resolution from 32x32 to 16x16"),
        (Remove(at="head.2"), PlanError, "turns 80 channels into 16, .*--adapt.*nearest sites that work: backbone.4"),
        (Remove(at="5"), PlanError, "changes the resolution"),
        (Remove(at="Detect"), PlanError, "is the head"),
    ],
)
def test_refusals_say_what_would_work(edit, kind, sentence):
    with pytest.raises(kind, match=sentence) as caught:
        plan(edit)
    assert "\n" not in str(caught.value) and caught.value.exit_code == 2


def test_an_edit_at_a_removed_row_is_refused():
    with pytest.raises(PlanError, match="removed by an earlier edit"):
        plan(Remove(at="3"), Insert(module="gam", after="3"))
