"""Blocks inside modules, on real networks: nothing is renumbered, every way of copying and rebuilding keeps them."""

from __future__ import annotations

import copy
import io

import pytest
import torch
from comparing import outputs, same
from torch import nn

import surgeon
import yolo_surgeon
from surgeon.errors import CheckError, PlanError, SiteError
from surgeon.models.ultralytics.build import rebuild

FORMS = [
    ("yolov8n.yaml", {"after": "backbone.4.m.0.cv2"}, ["model.4.m.0.cv2.surgeon_after_0"]),
    ("yolov8n.yaml", {"inside": "SPPF"}, ["model.9.cv2.surgeon_before_0_0"]),
    ("yolov8n.yaml", {"before": "Detect:*", "mode": "graft"}, [f"model.22.surgeon_before_{n}_0" for n in range(3)]),
    ("yolov8n.yaml", {"edge": (9, 20), "mode": "graft"}, ["model.20.surgeon_before_1_0"]),
    ("yolo11n.yaml", {"after": "backbone.*.m.*.cv2"}, [f"model.{row}.m.0.cv2.surgeon_after_0" for row in (2, 4, 6, 8)]),
    ("yolo11n.yaml", {"inside": "C2PSA"}, ["model.10.m.0.attn.surgeon_after_0"]),
    ("yolov10n.yaml", {"inside": "PSA"}, ["model.10.attn.surgeon_after_0"]),
    ("yolov8n-seg.yaml", {"after": 9, "mode": "graft"}, ["model.9.surgeon_after_0"]),
]  # fmt: skip


def gates(module):
    return [p for n, p in module.named_parameters() if n.endswith("gate_logit_scale")]


def opened(model):
    """The edited network with every gate open, in evaluation mode."""
    module = copy.deepcopy(model.module).eval()
    for gate in gates(module):
        gate.data.fill_(1.0)
    return module


@pytest.mark.parametrize(("name", "place", "paths"), FORMS)
def test_forms(name, place, paths):
    before = surgeon.open(name)
    after = before.insert("lska", **place)
    assert list(after.result.plan.planted.values()) == paths
    assert all(check.passed for check in after.result.checks)
    old, new = before.module.state_dict(), after.module.state_dict()
    assert all(torch.equal(old[key], new[key]) for key in old), "every original name is where it was"
    assert same(outputs(before.module), outputs(after.module))
    assert not same(outputs(before.module), outputs(opened(after)))


def test_a_bottleneck_of_every_composite_module():
    after = surgeon.open("yolov8n.yaml").insert("gam", inside="C2f")
    planted = list(after.result.plan.planted.values())
    assert len(planted) == 10, "one a bottleneck: 1 + 2 + 2 + 1 in the backbone, 4 in the head"
    assert all(path.endswith(".cv2.surgeon_after_0") and ".m." in path for path in planted)
    # Inside the shortcut's branch: the block reads what is added to the bottleneck's input.
    assert len(gates(after.module)) == 10


def test_both_modes_compute_the_same():
    """The same block at the same site with the same weights: as a row and as a graft."""
    models = {m: opened(surgeon.open("yolov8n.yaml").insert("gam", after=9, mode=m)) for m in ("row", "graft")}
    row, graft = models["row"].model[10], models["graft"].model[9].surgeon_after_0
    graft.load_state_dict(row.state_dict())
    assert same(outputs(models["row"]), outputs(models["graft"]))


def test_equal_blocks_start_with_different_weights():
    """Each is built in a random state of its own: the caller's is given back after every one."""
    after = surgeon.open("yolov8n.yaml").insert("gam", after="backbone.6.m.*.cv2").insert("gam", after="backbone.7")
    a, b = (module.cv2.surgeon_after_0.block.conv1.weight for module in after.module.model[6].m)
    assert a.shape == b.shape and not torch.equal(a, b)
    again = surgeon.open("yolov8n.yaml").insert("gam", after="backbone.6.m.*.cv2")
    assert torch.equal(again.module.model[6].m[0].cv2.surgeon_after_0.block.conv1.weight, a)


def test_copies_rebuilds_and_fusing_keep_the_block():
    after = surgeon.open("yolov8n.yaml").insert("gam", inside="C2f")
    module = opened(after)
    expected = outputs(module)
    assert same(expected, outputs(copy.deepcopy(module))), "EMA deep-copies"
    rebuilt = rebuild(module)
    assert list(rebuilt.state_dict()) == list(module.state_dict())
    assert same(expected, outputs(rebuilt)), "the trainer rebuilds"
    fused = copy.deepcopy(module).fuse(verbose=False)
    assert len(gates(fused)) == 10
    worst = max(float((a - b).abs().max() / a.abs().max()) for a, b in zip(expected, outputs(fused), strict=True))
    assert worst < 1e-4, "fuse() swaps the forward of the hosts"
    for gate in gates(fused):
        gate.data.zero_()
    assert not same(outputs(fused), expected), "the fused hosts still run the blocks"


def test_a_hook_of_a_fresh_process_does_not_displace_the_block():
    """torch numbers hooks from 0 in every process; a pickled hook keeps its number."""
    after = surgeon.open("yolov8n.yaml").insert("gam", after="backbone.4.m.0.cv2")
    host = after.module.model[4].m[0].cv2
    assert list(host._forward_hooks) == [yolo_surgeon.HOOK_KEY] and yolo_surgeon.HOOK_KEY < 0
    handle = host.register_forward_hook(lambda *_: None)
    handle.remove()
    assert list(host._forward_hooks) == [yolo_surgeon.HOOK_KEY]


def test_files_open_without_running_code_and_train_on(tmp_path):
    before = surgeon.open("yolov8n.yaml")
    after = before.insert("gam", inside="C2f").insert("lska", after="backbone.9").insert("mhsa", after=9, mode="graft")
    path = after.save(tmp_path / "grafted.pt")
    again = surgeon.open(path)
    assert again.opened.drift is not None and not again.opened.drift.lost
    assert list(again.module.state_dict()) == list(after.module.state_dict())
    assert same(outputs(opened(after)), outputs(opened(again)))
    built = surgeon.open(path.with_suffix(".yaml"))
    assert {n: t.shape for n, t in built.module.state_dict().items()} == {
        n: t.shape for n, t in after.module.state_dict().items()
    }


def test_rows_before_a_graft_move_it_along():
    before = surgeon.open("yolov8n.yaml")
    nested = before.insert("gam", after="backbone.8.m.0.cv2")
    moved = nested.insert("lska", after="backbone.3")
    assert moved.module.model[9].m[0].cv2.surgeon_after_0.block_name == "gam"
    assert [graft["host"] for graft in moved.module.yaml["surgeon"]["grafts"]] == ["model.9.m.0.cv2"]
    assert same(outputs(before.module), outputs(moved.module))
    gone = nested.replace("backbone.8", "lska")
    assert gone.module.yaml["surgeon"]["grafts"] == []
    assert list(rebuild(gone.module).state_dict()) == list(gone.module.state_dict())


def test_rows_and_grafts_in_one_command_have_keys_of_their_own():
    from surgeon.surgery.recipe import Insert, Recipe

    nested, row = Insert(module="gam", after="backbone.4.m.0.cv2"), Insert(module="gam", after="backbone.4")
    after = surgeon.open("yolov8n.yaml").apply(Recipe(edits=(nested, row)))
    assert after.result.plan.planted == {"gam0": "model.5", "gam1": "model.4.m.0.cv2.surgeon_after_0"}


def test_replacing_and_removing_inside_a_row():
    before = surgeon.open("yolov8n.yaml")
    replaced = before.replace("backbone.4.m.0", "lska")
    assert type(replaced.module.model[4].m[0]).__name__ == "PlantedBlock"
    assert len(replaced.result.tensors.dropped) == 12
    removed = before.remove("backbone.4.m.0")
    assert isinstance(removed.module.model[4].m[0], nn.Identity)
    row = before.replace("SPPF", "gam", mode="graft")
    assert row.module.model[9].i == 9 and row.module.model[9].f == -1 and len(row.module.model) == 23


def test_a_repeated_row_gets_one_more_stage():
    """A row of several equal modules is a sequence; the block becomes its last stage."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.stages = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1))
            self.head = nn.Conv2d(8, 4, 1)

        def forward(self, x):
            return self.head(self.stages(x))

    module = Net()
    # Not a class that a file could name: only what happens in memory is looked at.
    from surgeon.graph import NewBlock, PlannedGraft
    from surgeon.models.modules.grafts import apply_grafts

    block = NewBlock(module="gam", in_channels=8, out_channels=8)
    apply_grafts(module, [PlannedGraft(key="gam0", host="stages", how="after", name="surgeon_after_0", block=block)])
    assert list(module.stages._modules) == ["0", "1", "2", "surgeon_after_0"] and not module.stages._forward_hooks
    calls = []
    module.stages.surgeon_after_0.register_forward_hook(lambda *_: calls.append(1))
    module(torch.rand(1, 3, 16, 16))
    assert calls == [1]


REFUSED = [
    ("yolov8n.yaml", {"after": "backbone.4.cv1.conv"}, PlanError, ["fuse() folds away", "use backbone.4.cv1 itself"]),
    ("yolov8n.yaml", {"after": "backbone.4.cv1.act"}, PlanError, ["one module under", "nearest sites"]),
    ("yolov8n.yaml", {"after": "backbone.9.m"}, PlanError, ["is called 3 times"]),
    ("yolov8n.yaml", {"after": "backbone.4.m"}, PlanError, ["is not called in inference"]),
    ("yolov8n.yaml", {"after": "head.12", "mode": "graft"}, PlanError, ["is the head", "'head.12:*'"]),
    ("yolov8n.yaml", {"before": "head.12", "mode": "graft"}, PlanError, ["takes 3 inputs", "head.12:0"]),
    ("yolov8n.yaml", {"after": "backbone.4.m.0.cv2", "mode": "row"}, PlanError, ["cannot become a row"]),
    ("yolov8n.yaml", {"after": "backbone.4.m.9"}, SiteError, ["has inside: 0, 1"]),
    ("yolov8n.yaml", {"inside": "Conv"}, SiteError, ["nothing is known", "--inside works for"]),
    ("yolov8n.yaml", {"inside": "Nope"}, SiteError, ["matches no module"]),
]


@pytest.mark.parametrize(("name", "place", "error", "words"), REFUSED)
def test_refusals_are_one_sentence(name, place, error, words):
    with pytest.raises(error) as info:
        surgeon.open(name).insert("gam", **place)
    sentence = str(info.value)
    assert "\n" not in sentence and all(word in sentence for word in words), sentence


def test_the_nearest_sites_of_a_refusal_really_work():
    import re

    model = surgeon.open("yolov8n.yaml")
    with pytest.raises(PlanError) as info:
        model.insert("lska", after="backbone.4.m")
    sites = re.findall(r"((?:backbone|head)\.[\w.]+) \(", str(info.value).partition("that work:")[2])
    assert len(sites) >= 3
    for site in sites:
        assert model.insert("lska", after=site, mode="graft").result.plan.planted


def test_a_block_on_a_planted_block_becomes_a_row_or_is_refused():
    planted = surgeon.open("yolov8n.yaml").insert("gam", after=9)
    assert len(planted.insert("lska", after=10).module.model) == 25
    with pytest.raises(PlanError, match="a block that surgeon planted"):
        planted.insert("lska", after=10, mode="graft")


class Drops(nn.Module):
    """Ignores what it computes."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        self.conv(x)
        return x


def test_a_graft_that_does_nothing_is_undone():
    with pytest.raises(CheckError, match="liveness"):
        surgeon.open("yolov8n.yaml").insert(f"{__name__}:Drops", after="backbone.4.m.0.cv2")


def test_state_in_memory_survives_pickling():
    after = surgeon.open("yolov8n.yaml").insert("gam", after="backbone.4.m.0.cv2")
    memory = io.BytesIO()
    torch.save(after.module, memory)
    memory.seek(0)
    assert same(outputs(opened(after)), outputs(opened_module(torch.load(memory, weights_only=False))))


def opened_module(module):
    for gate in gates(module):
        gate.data.fill_(1.0)
    return module
