"""Edits of networks that nobody here wrote: what is read, what is planted, what must stay equal bit for bit."""

from __future__ import annotations

import pytest
import torch
from foreign_networks import PLAIN, REPOSITORIES, build, run, same
from torch import nn

import surgeon
from surgeon.errors import ModelFileError, PlanError, SiteError

BLOCKS = ("acmix", "conv1x1", "fla", "gam", "lska", "mhsa")
SAMPLE = {
    # network: (block, site of an insertion, site of a replacement and removal)
    "yolov5n": ("gam", "backbone.9", "backbone.8"),
    "gelan-t": ("lska", "head.2", "backbone.6"),
    "yolov9-t": ("mhsa", "head.0", "backbone.4"),
    "yolov7-af": ("fla", "head.50", "head.46"),
    "yolox-nano": ("acmix", "backbone.backbone.dark5", "backbone.backbone.dark3.1"),
    "resnet18": ("gam", "layer3", "layer3.1"),
    "sequential": ("mhsa", "1", "2"),
    "dict-output": ("lska", "body", "body.1"),
    "list-output": ("fla", "levels.1", "levels.0.1"),
    "called-twice": ("gam", "stem", "stem.1"),
    "functional": ("acmix", "body", "side"),
    "keyword-call": ("lska", "one", "two.unit.1"),
    "no-parameters": ("gam", "up", None),
}


def check_carried(before, after):
    """Every tensor of the source, equal, under the name that the edit says; what is new belongs to the blocks."""
    tensors = after.result.tensors
    old, new = before.module.state_dict(), after.module.state_dict()
    assert set(tensors.copied) | set(tensors.dropped) == set(old)
    assert set(tensors.copied.values()) | set(tensors.fresh) == set(new)
    assert all(torch.equal(old[a], new[b]) for a, b in tensors.copied.items())
    planted = tuple(f"{path}." for path in after.result.plan.planted.values())
    assert all(name.startswith(planted) for name in tensors.fresh)


def check_identity(before, after):
    check_carried(before, after)
    assert not after.result.tensors.dropped
    assert same(run(before.module), run(after.module))
    assert same(run(before.module, (160, 96), batch=2), run(after.module, (160, 96), batch=2))


@pytest.mark.parametrize("name", SAMPLE)
def test_insertion_keeps_the_output_bit_for_bit(name, opened):
    block, site, _ = SAMPLE[name]
    before = opened(name)
    after = before.insert(block, after=site)
    check_identity(before, after)
    assert len(after.result.plan.planted) == 1


@pytest.mark.parametrize("name", ["yolov5n", "gelan-t"])
def test_graft_mode_moves_no_row(name, opened):
    before = opened(name)
    after = before.insert("lska", after=SAMPLE[name][1], mode="graft")
    check_identity(before, after)
    assert set(before.module.state_dict()) <= set(after.module.state_dict())
    assert len(after.tree(128)) == len(before.tree(128))


@pytest.mark.parametrize("name", [name for name in SAMPLE if SAMPLE[name][2]])
def test_replacement_and_removal_keep_every_other_tensor(name, opened):
    block, _, site = SAMPLE[name]
    before = opened(name)
    for after in (before.replace(site, block), before.remove(site)):
        check_carried(before, after)
        assert after.result.tensors.dropped
        assert not same(run(before.module), run(after.module))


@pytest.mark.parametrize(
    ("name", "count", "head"),
    [
        ("yolov5n", 25, ("row17", "row20", "row23")),
        ("gelan-t", 23, ("row15", "row18", "row21")),
        ("yolov9-t", 30, ("row28", "row25", "row22", "row15", "row18", "row21")),
        ("yolov7-af", 106, None),
        ("yolox-nano", 15, ("backbone.C3_p3", "backbone.C3_n3", "backbone.C3_n4")),
        ("resnet18", 10, ("avgpool",)),
    ],
)
def test_tree_says_who_reads_whom(name, count, head, opened):
    graph = opened(name).tree(128)
    assert len(graph) == count
    assert head is None or set(graph.output.inputs) == set(head)
    produced = {"image"}
    for layer in graph:
        assert layer.inputs and set(layer.inputs) <= produced, layer
        produced.add(layer.key)


def test_stages_are_followed_through_functions_and_keywords(opened):
    def wiring(name):
        return {layer.site: layer.inputs for layer in opened(name).tree(128)}

    assert wiring("functional") == {
        "stem": ("image",),
        "body": ("stem",),
        "side": ("stem", "body"),
        "mix": ("stem", "body", "side"),
        "norm": ("mix",),
        "head": ("norm",),
    }
    assert wiring("keyword-call")["two"] == ("one", "skip")
    assert wiring("list-output") == {"stem": ("image",), "levels.0": ("stem",), "levels.1": ("levels.0",)}
    assert wiring("dict-output") == {"stem": ("image",), "body": ("stem",), "boxes": ("body",), "scores": ("body",)}


def test_a_sequence_that_is_most_of_a_network_is_shown_by_its_parts():
    from torchvision.models import mobilenet_v3_small

    graph = surgeon.open(mobilenet_v3_small(weights=None)).tree(128)
    assert [layer.site for layer in graph][:3] == ["features.0", "features.1", "features.2"]
    assert len(graph) == 15


@pytest.mark.parametrize(
    ("name", "place", "blocks"),
    [
        ("yolov5n", {"after": "backbone.4.m.0.cv2"}, 1),
        ("yolov5n", {"after": "backbone.*.m.*.cv2"}, 7),
        ("yolov5n", {"after": "C3[*].m.*.cv2"}, 11),
        ("yolov5n", {"inside": "SPPF"}, 1),
        ("yolov5n", {"before": "Detect:*"}, 3),
        ("yolov5n", {"edge": ("backbone.4", "head.6")}, 1),
        ("gelan-t", {"inside": "SPPELAN"}, 1),
        ("yolox-nano", {"after": "backbone.backbone.dark3.1"}, 1),
        ("yolox-nano", {"after": "CSPLayer[*]"}, 4),
        ("yolox-nano", {"after": "backbone.backbone.dark*.1.conv3"}, 3),
        ("yolox-nano", {"before": "head:*"}, 3),
        ("yolox-nano", {"inside": "SPPBottleneck"}, 1),
        ("resnet18", {"after": "layer*.*.bn2"}, 8),
        ("resnet18", {"edge": ("layer1", "layer2")}, 1),
        ("functional", {"before": "side"}, 1),
    ],
    ids=str,
)
def test_nested_sites_globs_and_edges(name, place, blocks, opened):
    before = opened(name)
    after = before.insert("lska", **place)
    check_identity(before, after)
    assert len(after.result.plan.planted) == blocks


def test_an_edited_network_takes_a_second_edit(opened):
    for name in ("yolov5n", "yolox-nano", "functional"):
        block, site, _ = SAMPLE[name]
        once = opened(name).insert(block, after=site)
        twice = once.insert("lska", after=SAMPLE[name][2] or site)
        check_identity(once, twice)
        assert same(run(opened(name).module), run(twice.module))


@pytest.mark.parametrize(
    ("name", "place", "says"),
    [
        ("called-twice", {"after": "again"}, "called 2 times"),
        ("yolox-nano", {"after": "head"}, "is the head"),
        ("yolox-nano", {"after": "backbone.upsample"}, "called 2 times"),
        ("keyword-call", {"before": "two"}, "called with x, skip="),
        ("functional", {"after": "norm"}, "3 dimensions"),
        ("functional", {"before": "mix:1"}, "between them stands a function"),
        ("resnet18", {"after": "layer9"}, "no stage"),
        ("yolov5n", {"after": "backbone.77"}, "no backbone.77"),
    ],
    ids=str,
)
def test_refusals_are_one_sentence(name, place, says, opened):
    with pytest.raises((PlanError, SiteError), match=says) as refusal:
        opened(name).insert("gam", **place)
    assert "\n" not in str(refusal.value)


def test_what_cannot_be_opened_says_why():
    with pytest.raises(ModelFileError, match=r"this NoCopy cannot be copied: .*lock"):
        surgeon.open(build("no-copy"))
    with pytest.raises(ModelFileError, match=r"cannot be run as network\(image\)"):
        surgeon.open(nn.Sequential(nn.Linear(7, 3)))


def test_a_live_network_is_left_as_it_was():
    network = build("functional").train()
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    model = surgeon.open(network)
    model.insert("gam", after="body")
    assert network.training and not hasattr(network, "yaml")
    assert all(torch.equal(state[name], tensor) for name, tensor in network.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_maps_of_tokens_are_no_feature_maps():
    from torchvision.models import swin_t

    model = surgeon.open(swin_t(weights=None))
    with pytest.raises(surgeon.errors.SurgeonError):
        model.insert("gam", after="features.3")


def test_a_removed_module_is_adapted_by_choice(opened):
    before = opened("yolox-nano")
    with pytest.raises(PlanError, match="--adapt puts a 1x1 convolution"):
        before.remove("backbone.lateral_conv0")
    after = before.remove("backbone.lateral_conv0", adapt=True)
    check_carried(before, after)
    assert any("conv1x1" in note and "256 -> 128" in note for note in after.result.plan.notes)


def test_outputs_that_were_never_finite_are_no_reason_to_refuse(opened):
    before = opened("unbounded")
    assert not torch.isfinite(run(before.module)[0]).any()
    after = before.insert("gam", after="stem")
    assert len(after.result.plan.planted) == 1


def test_what_cannot_be_saved_says_why():
    class Local(nn.Conv2d):
        pass

    network = nn.Sequential(nn.Conv2d(3, 8, 3), Local(8, 8, 1))
    with pytest.raises(ModelFileError, match=r"could not be saved after an edit: .*Local"):
        surgeon.open(network).insert("gam", after="0")


@pytest.mark.slow
def test_rows_that_put_out_a_list_are_refused_and_what_reads_them_follows(opened):
    before = opened("yolov9-m")
    kinds = {layer.kind: layer for layer in before.tree(128)}
    with pytest.raises(PlanError, match="several tensors"):
        before.insert("gam", after=kinds["CBLinear"].site)
    check_identity(before, before.insert("gam", after=kinds["CBFuse"].site))
    source = before.tree(128)[kinds["CBLinear"].inputs[0]]
    check_identity(before, before.insert("lska", after=source.site))  # every index behind it moves


@pytest.mark.slow
@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("name", [*REPOSITORIES, *PLAIN])
def test_every_block_at_every_map(name, block, opened):
    before = opened(name)
    sites = [layer for layer in before.tree(128) if layer.is_feature_map and layer.out_shape[2] <= 32]
    if name == "yolov7-af" and block != "lska":
        sites = sites[:: len(sites) // 5]
    refused = {}
    for layer in sites:
        for mode in ("auto", "graft"):
            try:
                check_identity(before, before.insert(block, after=layer.site, mode=mode))
            except PlanError as error:
                refused[layer.site] = str(error)
        for edit in (lambda site=layer.site: before.replace(site, block), lambda site=layer.site: before.remove(site)):
            try:
                check_carried(before, edit())
            except (PlanError, surgeon.errors.BlockError, surgeon.errors.CheckError) as error:
                assert "\n" not in str(error)
    known = ("called 2 times", "nothing reads", "is the last row")
    assert all(any(reason in text for reason in known) for text in refused.values()), refused
