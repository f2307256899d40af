"""Edges, adapters and changed resolutions on paper, on a graph without any network behind it."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surgeon.blocks import catalog
from surgeon.blocks.catalog import Resolved
from surgeon.errors import InputError, PlanError, SiteError
from surgeon.graph import IMAGE, Layer, LayerGraph
from surgeon.surgery.new_blocks import describe
from surgeon.surgery.plan import make_plan
from surgeon.surgery.recipe import Insert, Recipe, Remove, Replace


def row(i, kind, inputs, shape, **more):
    section = "backbone" if i < 4 else "head"
    return Layer(
        key=f"row{i}", index=i, kind=kind, path=f"model.{i}", section=section,
        section_index=i if i < 4 else i - 4, inputs=tuple(IMAGE if k < 0 else f"row{k}" for k in inputs),
        takes_list=len(inputs) > 1, params=1, out_shape=shape, **more,
    )  # fmt: skip


GRAPH = LayerGraph(
    name="toy",
    family="ultralytics",
    imgsz=(64, 64),
    layers=(
        row(0, "Conv", [-1], (1, 16, 32, 32)),
        row(1, "Conv", [0], (1, 32, 16, 16)),
        row(2, "C2f", [1], (1, 64, 16, 16)),
        row(3, "SPPF", [2], (1, 64, 16, 16)),
        row(4, "Upsample", [3], (1, 64, 32, 32)),
        row(5, "Concat", [4, 0], (1, 80, 32, 32)),
        row(6, "C2f", [5], (1, 16, 32, 32)),
        row(7, "Twice", [3, 3, 2], (1, 64, 16, 16)),
        row(8, "Detect", [6, 7, 3], None),
    ),
)


def plan(*edits, adapt=False, graph=GRAPH):
    return make_plan(graph, Recipe(edits=edits, adapt=adapt))


def wiring(planned):
    return {r.key: r.inputs for r in planned.rows}


def test_an_edge_changes_one_connection_only():
    planned = plan(Insert(module="gam", edge=("3", "8")))
    before = wiring(plan(Insert(module="gam", after="6")))
    assert wiring(planned)["gam0"] == ("row3",)
    assert wiring(planned)["row8"] == ("row6", "row7", "gam0")
    assert all(wiring(planned)[key] == before[key] for key in ("row4", "row5", "row7"))
    assert [r.key for r in planned.rows].index("gam0") == 8 and planned.rows[8].section == "head"
    assert planned.keeps_output


@pytest.mark.parametrize("edge", [("SPPF", "Detect"), ("backbone.3", "head.4"), ("-6", "-1")])
def test_an_edge_takes_any_address(edge):
    assert wiring(plan(Insert(module="gam", edge=edge))) == wiring(plan(Insert(module="gam", edge=("3", "8"))))


def test_an_edge_that_enters_by_several_inputs_changes_all_of_them():
    planned = plan(Insert(module="gam", edge=("3", "Twice")))
    assert wiring(planned)["row7"] == ("gam0", "gam1", "row2")
    assert wiring(planned)["gam0"] == wiring(planned)["gam1"] == ("row3",)


def test_two_blocks_on_an_edge_stand_in_the_order_of_the_command():
    planned = plan(Insert(module="gam", edge=("3", "8")), Insert(module="lska", edge=("3", "8")))
    assert wiring(planned)["row8"][2] == "lska0" and wiring(planned)["lska0"] == ("gam0",)
    both = plan(Insert(module="gam", edge=("3", "8")), Insert(module="lska", after="3"))
    assert wiring(both)["gam0"] == ("lska0",) and wiring(both)["row4"] == ("lska0",)


@pytest.mark.parametrize(
    ("edge", "kind", "sentence"),
    [
        (
            ("3", "6"), PlanError,
            r"no edge 3->6: head.2 \(C2f\) reads head.1 \(Concat\), and backbone.3 \(SPPF\) is read by "
            r"head.0 \(Upsample\), head.3 \(Twice\), head.4 \(Detect\)$",
        ),
        (("8", "6"), PlanError, r"head.4 \(Detect\) is read by nothing$"),
        (("2", "0"), PlanError, r"backbone.0 \(Conv\) reads the image"),
        (("Conv[*]", "8"), SiteError, "names 2 places"),
        (("3", "99"), SiteError, "no 99"),
        (("3", "Detekt"), SiteError, "Detect"),
    ],
)  # fmt: skip
def test_no_such_edge(edge, kind, sentence):
    with pytest.raises(kind, match=sentence) as caught:
        plan(Insert(module="gam", edge=edge))
    assert "\n" not in str(caught.value)


def test_an_adapter_leaves_the_block_the_narrower_side():
    """Its own cost is that of either order; an attention's grows with the square of its width."""
    down = plan(Replace(module="mhsa", at="head.2"), adapt=True)
    assert wiring(down)["adapter0"] == ("row5",) and wiring(down)["mhsa0"] == ("adapter0",)
    assert wiring(down)["row8"][0] == "mhsa0"
    up = plan(Replace(module="mhsa", at="backbone.2"), adapt=True)
    assert wiring(up)["mhsa0"] == ("row1",) and wiring(up)["adapter0"] == ("mhsa0",)
    assert wiring(up)["row3"] == ("adapter0",)
    for planned, c1, c2 in ((down, 80, 16), (up, 32, 64)):
        blocks = {r.key: r.block for r in planned.rows if r.block}
        assert blocks["mhsa0"].in_channels == blocks["mhsa0"].out_channels == min(c1, c2)
        assert describe(blocks["adapter0"]) == f"conv1x1 adapter {c1} -> {c2}"
        assert any(f"conv1x1 adapter {c1} -> {c2}" in note for note in planned.notes)
        costs = [
            catalog.get("mhsa").cost(width, width, 16, 16, {}).macs
            + catalog.get("conv1x1").cost(c1, c2, 16, 16, {}).macs
            for width in (min(c1, c2), max(c1, c2))
        ]
        assert costs[0] < costs[1]


def test_an_adapter_only_where_it_is_needed():
    kept = plan(Replace(module="gam", at="head.2"), Replace(module="lska", at="SPPF"), adapt=True)
    assert "adapter0" not in wiring(kept), "gam changes channels itself, SPPF keeps them"
    foreign = plan(Replace(module="mine:Block", at="head.2"), adapt=True)
    assert wiring(foreign)["block0"] == ("adapter0",)
    assert plan(Replace(module="mine:Block", at="head.2")).rows[6].block.in_channels == 80


def test_a_removal_leaves_an_adapter():
    planned = plan(Remove(at="head.2"), adapt=True)
    assert wiring(planned)["adapter0"] == ("row5",) and wiring(planned)["row8"][0] == "adapter0"
    assert [layer.key for layer in planned.dropped] == ["row6"]
    assert not planned.keeps_output


def test_what_changes_the_resolution_is_replaced_by_what_may():
    up = plan(Replace(module="mine:Up", at="Upsample"))
    assert (up.rows[4].block.in_channels, up.rows[4].block.out_channels) == (64, 64)
    assert plan(Replace(module="mine:Down", at="1")).rows[1].block.out_channels == 32
    assert plan(Replace(module="mine:Stem", at="0")).rows[0].block.in_channels == 3
    with pytest.raises(PlanError, match=r"changes the resolution from 32x32 to 16x16 .*: conv1x1 has no stride"):
        plan(Replace(module="conv1x1", at="1"))


@pytest.fixture
def zoo(monkeypatch):
    """What the catalog may hold one day: an upsampling, a strided convolution, a fusion."""
    base = dataclasses.replace(catalog.get("conv1x1"), resolve=lambda c1, c2, given: Resolved(settings=dict(given)))
    made = (
        dataclasses.replace(base, name="twotimes", title="TwoTimes", kind="upsampling", defaults={"scale": 2}),
        dataclasses.replace(base, name="strided", title="Strided", defaults={"stride": 1}),
        dataclasses.replace(base, name="fusion", title="Fusion", takes_list=True),
    )
    monkeypatch.setattr(catalog, "_BLOCKS", (*catalog._BLOCKS, *made))


@pytest.mark.usefixtures("zoo")
def test_the_catalogs_settings_follow_the_resolution():
    assert plan(Replace(module="twotimes", at="Upsample")).rows[4].block.settings == {"scale": 2}
    assert plan(Replace(module="strided", at="1")).rows[1].block.settings == {"stride": 2}
    assert plan(Replace(module="strided", at="2")).rows[2].block.settings == {"stride": 1}
    fused = plan(Replace(module="fusion", at="Concat")).rows[5]
    assert (fused.block.in_channels, fused.block.out_channels, fused.inputs) == ((64, 16), 80, ("row4", "row0"))
    for edit, said in (
        (
            Insert(module="twotimes", after="3"),
            "an insertion keeps its size; surgeon replace --module twotimes --at SITE puts",
        ),
        (Replace(module="twotimes", at="1"), "changes the resolution from 32x32 to 16x16"),
        (Replace(module="strided", at="1", settings={"stride": 4}), "stride 4 .*leave stride out"),
        (Insert(module="fusion", after="3"), "Fusion reads a list of feature maps, here is one"),
        (Replace(module="gam", at="Concat"), "reads 2 rows and cannot be replaced: GAM reads one .*, here are 2"),
    ):
        with pytest.raises(PlanError, match=said):
            plan(edit)


def test_one_module_at_two_rows():
    twins = {2: (3,), 3: (2,)}
    layers = tuple(dataclasses.replace(x, shared_with=twins.get(x.index, ())) for x in GRAPH)
    graph = dataclasses.replace(GRAPH, layers=layers)
    with pytest.raises(PlanError, match=r"backbone.3 \(SPPF\) is one module object with backbone.2 \(C2f\)") as caught:
        plan(Insert(module="gam", after="3"), graph=graph)
    assert "nearest sites that work: head.0 (Upsample), backbone.1 (Conv), head.1" in str(caught.value)


_SITES = [*map(str, range(9)), "Concat:0", "Twice:*", "Detect:1", "Conv[*]"]
_EDITS = st.one_of(
    st.builds(Insert, module=st.sampled_from(["gam", "mhsa", "mine:X"]), after=st.sampled_from(_SITES)),
    st.builds(Insert, module=st.sampled_from(["gam", "lska"]), before=st.sampled_from(_SITES)),
    st.builds(Insert, module=st.just("gam"), edge=st.tuples(st.sampled_from(_SITES[:9]), st.sampled_from(_SITES[:9]))),
    st.builds(Replace, module=st.sampled_from(["gam", "mhsa", "conv1x1", "mine:X"]), at=st.sampled_from(_SITES)),
    st.builds(Remove, at=st.sampled_from(_SITES)),
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(_EDITS, min_size=1, max_size=4), st.booleans())
def test_every_plan_is_a_network_and_every_refusal_a_sentence(edits, adapt):
    try:
        planned = plan(*edits, adapt=adapt)
    except InputError as refused:
        assert "\n" not in str(refused) and len(str(refused)) < 600
        return
    produced = {IMAGE}
    for each in planned.rows:
        assert set(each.inputs) <= produced and each.key not in produced
        assert each.block is None or isinstance(each.block.in_channels, int) == (len(each.inputs) == 1)
        produced.add(each.key)
    read = {key for each in planned.rows for key in each.inputs}
    assert all(key in read for key in planned.new_keys), "nothing is planted that nobody reads"
