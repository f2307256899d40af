"""Pooling, up-sampling and convolutions in the place of a network's own: what they take over, and what the rows say."""

from __future__ import annotations

import pytest
import torch
from awake import awake
from comparing import outputs, same
from torch import nn

import surgeon
from surgeon.blocks.orepa import OREPA
from surgeon.models.ultralytics.build import rebuild


def replaced(source, at, module, **settings):
    before = surgeon.open(source)
    after = before.replace(at, module, settings=settings)
    state = {**before.module.state_dict()}, after.module.state_dict()
    tensors = after.result.tensors
    assert all(torch.equal(state[0][a].flatten(), state[1][b].flatten()) for a, b in tensors.adopted.items())
    assert same(outputs(after.module), outputs(rebuild(after.module)))
    return before, after, tensors


def test_simsppf_keeps_every_weight_of_sppf():
    before, after, tensors = replaced("yolov8n.yaml", "SPPF", "simsppf")
    assert set(tensors.adopted) == set(tensors.dropped) and len(tensors.dropped) == 12
    assert sum(p.numel() for p in after.module.parameters()) == sum(p.numel() for p in before.module.parameters())
    # The one difference to SPPF is the activation.
    *_, tensors = replaced("yolov8n.yaml", "SPPF", "simsppf", activation="silu")
    assert len(tensors.adopted) == 12


def test_carafe_for_every_upsampling():
    _, after, tensors = replaced("yolov8n.yaml", "Upsample[*]", "carafe")
    rows = [layer for layer in after.tree() if layer.kind == "CARAFE"]
    assert [layer.index for layer in rows] == [10, 13] and not tensors.dropped
    assert after.module.model[10].block.settings["scale"] == 2


def test_orepa_takes_the_kernels_and_folds_to_one_convolution():
    before, after, tensors = replaced("yolov8n.yaml", "backbone.Conv[*]", "orepa", activation="silu")
    convs = [layer.index for layer in before.tree() if layer.kind == "Conv" and layer.section == "backbone"]
    assert len(convs) == 5 and len(tensors.adopted) == 6 * len(convs) == len(tensors.dropped)
    assert all(after.module.model[index].block.settings["stride"] == 2 for index in convs)
    # The same kernels in another form: equal up to rounding.
    for old, new in zip(outputs(before.module), outputs(after.module), strict=True):
        assert torch.allclose(old, new, rtol=1e-4, atol=1e-4)
    wanted = outputs(after.module)
    fused = rebuild(after.module).fuse(verbose=False)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in fused.modules())
    assert {type(fused.model[index].block).__name__ for index in convs} != {"OREPA"}
    for old, new in zip(wanted, outputs(fused), strict=True):
        assert torch.allclose(old, new, rtol=1e-3, atol=1e-4)


def test_a_fused_network_loads_again(tmp_path):
    """What a predictor fuses in place can be pickled like a stock network."""
    after = surgeon.open("yolov8n-cls.yaml").replace("backbone.1", "orepa", settings={"activation": "silu"})
    fused = rebuild(after.module).fuse(verbose=False)
    torch.save(fused, tmp_path / "fused.pt")
    again = torch.load(tmp_path / "fused.pt", weights_only=False)
    assert same(outputs(fused), outputs(again))


def test_drconv_and_mbconv_for_a_convolution():
    for module in ("drconv", "mbconv"):
        _, after, tensors = replaced("yolov8n.yaml", "backbone.3", module)
        assert after.module.model[3].block.settings["stride"] == 2 and len(tensors.dropped) == 6


def features(network):
    """What the head reads of an image: there a change shows that fresh heads drown."""
    kept = []
    handle = network.model[-1].register_forward_pre_hook(lambda _, args: kept.extend(args[0]))
    with torch.no_grad():
        network.eval()(torch.rand(1, 3, 96, 128, generator=torch.Generator().manual_seed(0)))
    handle.remove()
    return kept


def differ(one, other):
    """The largest difference of what two networks' heads read."""
    return max(float((a - b).abs().max()) for a, b in zip(features(one), features(other), strict=True))


@pytest.mark.parametrize(
    ("at", "kernel"), [("backbone.3", 3), ("backbone.2.cv1", 1), ("backbone.*.cv2", 1)], ids=["row", "inside", "all"]
)
def test_orepa_is_like_the_convolution_that_it_replaces(at, kernel):
    before = awake("yolov8n.yaml")
    after = before.replace(at, "orepa")
    blocks = [m for m in after.module.modules() if isinstance(m, OREPA)]
    assert blocks and all(b.settings["kernel_size"] == kernel and b.settings["activation"] == "silu" for b in blocks)
    assert differ(before.module, after.module) <= 1e-4
    taken = "activation silu (default none)"
    taken = taken if kernel == 3 else f"kernel_size 1 (default 3) and {taken}"
    said = f"OREPA: {taken} as in the convolution that it replaces."
    assert [note for note in after.result.plan.notes if note.startswith("OREPA")] == [said]


def test_explicit_settings_stay():
    before = awake("yolov8n.yaml")
    after = before.replace("backbone.2.cv1", "orepa", kernel_size=3, activation="none")
    (block,) = (m for m in after.module.modules() if isinstance(m, OREPA))
    assert block.settings["kernel_size"] == 3 and block.settings["activation"] == "none"
    assert differ(before.module, after.module) > 1e-2
    assert not [note for note in after.result.plan.notes if note.startswith("OREPA")]


def test_a_depthwise_convolution_stays_one():
    before = awake("yolo11n.yaml")
    site = next(node.site for node in before.modules() if node.kind == "DWConv")
    after = before.replace(site, "orepa")
    (block,) = (m for m in after.module.modules() if isinstance(m, OREPA))
    assert block.settings["groups"] == block.in_channels > 1
    with torch.no_grad():
        image = torch.rand(1, 3, 96, 128)
        old, new = (network.module.eval()(image)[0] for network in (before, after))
    assert torch.allclose(old, new, rtol=1e-4, atol=1e-4)


def test_what_a_block_cannot_be_is_said():
    network = nn.Sequential(nn.Conv2d(3, 8, 6, 2, 2), nn.LeakyReLU(), nn.Conv2d(8, 8, 5, padding=2), nn.Conv2d(8, 4, 1))
    after = surgeon.open(network).replace("0", "orepa")
    assert after.module[0].block.settings["kernel_size"] == 3
    said = "OREPA: kernel_size stays 3; that of the replaced convolution, 6, cannot be."
    assert said in after.result.plan.notes
    after = after.replace("2", "drconv")
    assert after.module[2].block.settings["kernel_size"] == 5
    assert "DRConv: kernel_size 5 (default 3) as in the convolution that it replaces." in after.result.plan.notes
