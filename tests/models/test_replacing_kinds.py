"""Pooling, up-sampling and convolutions in the place of a network's own: what they take over, and what the rows say."""

from __future__ import annotations

import torch
from comparing import outputs, same

import surgeon
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
