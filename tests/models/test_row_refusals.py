"""Refusals on real networks: one sentence that names the site and says why, and whose suggestions hold."""

from __future__ import annotations

import re

import pytest

import surgeon
from surgeon.errors import BlockError, CheckError, ModelFileError, PlanError
from surgeon.surgery.plan import make_plan
from surgeon.surgery.recipe import Insert, Recipe, Remove, Replace
from surgeon.workflows import tree

SUGGESTION = re.compile(r"([a-z]+\.\d+(?::\d+)?) \((\w+)\)")
WORLD, WORLD2, YOLOE, V9E = "yolov8n-world.yaml", "yolov8n-worldv2.yaml", "yoloe-v8n.yaml", "yolov9e.yaml"


def after(site):
    return Insert(module="lska", after=site)


def before(site):
    return Insert(module="lska", before=site)


def instead(site):
    return Replace(module="lska", at=site)


CASES = [
    (WORLD, after("ImagePoolingAttn"), r"after head.6 \(ImagePoolingAttn\): .* but text features"),
    (WORLD, before("ImagePoolingAttn:1"), r"before head.6:1 \(ImagePoolingAttn\): what it reads only changes the text"),
    (WORLD, instead("C2fAttn[0]"), r"head.2 \(C2fAttn\) is guided by text"),
    (WORLD, Remove(at="C2fAttn[2]"), r"head.9 \(C2fAttn\) is guided by text"),
    (WORLD, instead("ImagePoolingAttn"), r"head.6 \(ImagePoolingAttn\) is guided by text"),
    (WORLD2, after("WorldDetect"), r"head.12 \(WorldDetect\) is the last row: .*--before 'WorldDetect:\*'"),
    (YOLOE, after("YOLOEDetect"), r"head.12 \(YOLOEDetect\) is the last row"),
    (YOLOE, instead("YOLOEDetect"), r"head.12 \(YOLOEDetect\) is the head"),
    (V9E, after("CBLinear[2]"), r"after backbone.12 \(CBLinear\): .* no single feature map but several tensors"),
    (V9E, before("CBFuse[0]:1"), r"before backbone.16:1 \(CBFuse\): the output of backbone.11 CBLinear is no single"),
    (V9E, instead("CBLinear[0]"), r"in the place of backbone.10 \(CBLinear\).* several tensors"),
    (V9E, instead("CBFuse[0]"), r"in the place of backbone.16 \(CBFuse\): the output of backbone.10 CBLinear is no"),
    (V9E, Remove(at="CBFuse[4]"), r"backbone.27 \(CBFuse\) reads 2 rows and cannot be removed"),
    (V9E, instead("ADown[0]"), r"backbone.4 \(ADown\) changes the resolution from 32x32 to 16x16"),
    ("yolov8n-cls.yaml", after("Classify"), r"head.0 \(Classify\) is the last row"),
]


@pytest.fixture(scope="module")
def graphs():
    """``graphs(name)``: the network as planning reads it, opened once."""
    opened = {}

    def get(name):
        if name not in opened:
            model = surgeon.open(name)
            opened[name] = model, tree(model.opened, (128, 128))
        return opened[name]

    return get


def suggested(error):
    near = str(error).partition("the nearest sites that work: ")[2]
    return [site for site, _ in SUGGESTION.findall(near)]


def moved(edit, site):
    if isinstance(edit, Insert):
        return after(site) if edit.after is not None else before(site)
    return instead(site) if isinstance(edit, Replace) else Remove(at=site)


@pytest.mark.parametrize(("name", "edit", "sentence"), CASES, ids=lambda value: getattr(value, "where", str(value)))
def test_refused_with_the_nearest_sites(graphs, name, edit, sentence):
    _, graph = graphs(name)
    with pytest.raises(PlanError, match=sentence) as caught:
        make_plan(graph, Recipe(edits=(edit,)))
    assert "\n" not in str(caught.value) and caught.value.exit_code == 2
    sites = suggested(caught.value)
    assert len(sites) == 4 or (not isinstance(edit, Insert) and sites), "few rows keep their shape, most take a block"
    plans = [make_plan(graph, Recipe(edits=(moved(edit, site),))) for site in sites]
    assert all(planned.rows for planned in plans)


@pytest.mark.parametrize("name", [WORLD, WORLD2, YOLOE])
def test_every_site_named_in_a_refusal_takes_the_edit(graphs, name):
    """Carried out and checked, each kind of edit at all of its sites together."""
    model, graph = graphs(name)
    for kind in (Insert, Replace, Remove):
        cases = [case for case in CASES if case[0] == name and isinstance(case[1], kind)]
        edits = {}
        for _, edit, _ in cases:
            with pytest.raises(PlanError) as caught:
                make_plan(graph, Recipe(edits=(edit,)))
            edits |= {
                (site, edit.where if kind is Insert else ""): moved(edit, site) for site in suggested(caught.value)
            }
        if edits:
            done = model.apply(Recipe(edits=tuple(edits.values())))
            assert all(check.passed for check in done.result.checks)


@pytest.mark.parametrize("edit", [after("CBLinear[2]"), instead("CBLinear[0]")], ids=str)
def test_the_sites_named_for_a_tuple_output_take_a_block(graphs, edit):
    model, graph = graphs(V9E)
    with pytest.raises(PlanError) as caught:
        make_plan(graph, Recipe(edits=(edit,)))
    sites = suggested(caught.value)
    done = model.apply(Recipe(edits=tuple(moved(edit, site) for site in sites)))
    assert all(check.passed for check in done.result.checks) and len(done.result.plan.new_keys) == len(sites) >= 3


def test_what_text_guides_takes_blocks_around_it(graphs):
    model, _ = graphs(WORLD)
    done = model.apply(Recipe(edits=(after("C2fAttn[*]"), before("WorldDetect:*"), before("C2fAttn[0]"))))
    assert len(done.result.plan.new_keys) == 8 and done.result.plan.keeps_output


@pytest.mark.parametrize(
    ("block", "sentence"),
    [
        (
            "AttentiveC2f",
            "own:AttentiveC2f overrides forward of Ultralytics' C2f, and exporting puts C2f.forward_split",
        ),
        ("HoldsConv", "own:HoldsConv holds LouderConv at inner, which overrides forward of .* Conv, and fusing puts"),
    ],
)
def test_blocks_whose_forward_ultralytics_swaps(own_blocks, block, sentence):
    model = surgeon.open("yolov8n.yaml")
    with pytest.raises(BlockError, match=sentence) as caught:
        model.insert(f"own:{block}", after=9)
    assert "write an nn.Module that holds a" in str(caught.value)
    with pytest.raises(BlockError, match=sentence):
        model.insert(f"own:{block}", after="backbone.4.m.0.cv2")
    assert model.insert("own:HoldsC2f", after=9).result.plan.keeps_output


@pytest.mark.parametrize(
    ("side", "worked", "failed"), [(4, "128x128", "96x160"), (20, "640x640", "128x128"), (8, "256x256", "128x128")]
)
def test_blocks_made_for_one_size(own_blocks, side, worked, failed):
    with pytest.raises(CheckError) as caught:
        surgeon.open("yolov8n.yaml").insert("own:Fixed", after=9, side=side)
    assert f"own:Fixed after 9 (side={side})" in str(caught.value) and "\n" not in str(caught.value)
    assert f"runs at {worked} and fails at {failed}" in str(caught.value)


def test_one_module_at_two_rows():
    model = surgeon.open("yolov8n.yaml")
    model.module.model[13] = model.module.model[10]
    for edit in (after("13"), before("10"), Replace(module="own:Up", at="Upsample[1]")):
        with pytest.raises(PlanError, match=r"\(Upsample\) is one module object with head\.\d \(Upsample\)") as caught:
            model.plan(Recipe(edits=(edit,)))
    assert {"head.0", "head.3"}.isdisjoint(suggested(caught.value))
    done = model.apply(Recipe(edits=(after("9"), before("11:0"), after("head.4"))))
    rows = done.module.model
    assert [(r.i, r.f) for r in rows if type(r).__name__ == "Upsample"] == [(11, -1), (15, -1)]
    assert model.module.model[13] is model.module.model[10], "the source stays as it was"


def test_fused_networks():
    model = surgeon.open("yolov8n.yaml")
    with pytest.raises(ModelFileError, match=r"is fused .*: open the unfused checkpoint instead"):
        surgeon.open(model.module.fuse(verbose=False))
