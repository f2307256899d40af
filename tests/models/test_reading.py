"""Ultralytics networks as graphs."""

from __future__ import annotations

import pytest
import torch

import surgeon
from surgeon.errors import ModelFileError
from surgeon.graph import IMAGE

FAMILIES = {
    "yolov3-tiny.yaml": None,
    "yolov5n.yaml": None,
    "yolov6n.yaml": None,
    "yolov8n-seg.yaml": None,
    "yolov8n-cls.yaml": None,
    "yolov8n-world.yaml": None,
    "yolov9t.yaml": None,
    "yolov10n.yaml": None,
    "yolo11n-obb.yaml": None,
    "yolo12n.yaml": None,
    "yolo26n-pose.yaml": None,
}


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_reads(name):
    model = surgeon.open(name)
    graph = model.tree((64, 128))
    rows = model.module.model
    assert [layer.path for layer in graph] == [f"model.{i}" for i in range(len(rows))]
    assert sum(layer.params for layer in graph) == sum(p.numel() for p in model.module.parameters())
    assert [layer.section for layer in graph].count("backbone") == len(model.module.yaml["backbone"])
    for layer, row in zip(graph, rows, strict=True):
        sources = row.f if isinstance(row.f, list) else [row.f]
        read = [graph[key].index if key != IMAGE else -1 for key in layer.inputs]
        assert read == [s if s >= 0 else layer.index + s for s in sources]


def test_shapes_are_those_of_a_real_forward_on_both_devices(monkeypatch):
    from surgeon.models import probing
    from surgeon.models.ultralytics import reader

    module = surgeon.open("yolo11n.yaml").module
    real = {}
    hooks = [
        m.register_forward_hook(
            lambda m, _, out: real.update({m.i: tuple(out.shape)}) if torch.is_tensor(out) else None
        )
        for m in module.model[:-1]
    ]
    with torch.no_grad():
        module.eval()(torch.zeros(1, 3, 96, 160))
    for hook in hooks:
        hook.remove()
    assert reader.output_shapes(module, (96, 160)) == real
    monkeypatch.setattr(probing, "_QUICK", 0)  # the meta device first
    assert reader.output_shapes(module, (96, 160)) == real


def test_reading_leaves_nothing_behind():
    model = surgeon.open("yolov8n.yaml")
    model.module.train()
    model.module.model[3].eval()
    modes = [m.training for m in model.module.modules()]
    state = {n: t.clone() for n, t in model.module.state_dict().items()}
    rng = torch.get_rng_state()
    model.tree(96)
    assert [m.training for m in model.module.modules()] == modes
    assert torch.equal(rng, torch.get_rng_state())
    assert all(torch.equal(t, state[n]) for n, t in model.module.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.module.modules())


def test_a_size_that_does_not_fit_is_one_sentence():
    with pytest.raises(ModelFileError, match=r"cannot run at 100x100: sides must be multiples of 32") as caught:
        surgeon.open("yolov8n.yaml").tree(100)
    assert "\n" not in str(caught.value)


def test_a_model_from_yaml_is_the_same_every_time_and_leaves_the_random_state():
    torch.manual_seed(5)
    rng = torch.get_rng_state()
    first, second = surgeon.open("yolov8n.yaml").module, surgeon.open("yolov8n").module
    assert torch.equal(rng, torch.get_rng_state())
    assert all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


def test_live_models_open_and_are_copied():
    from ultralytics import YOLO

    yolo = YOLO("yolov8n.yaml")
    for source in (yolo, yolo.model):
        model = surgeon.open(source)
        assert model.module is not yolo.model
        edited = model.insert("lska", after="backbone.9")
        assert len(yolo.model.model) == 23 and len(edited.module.model) == 24
    for nothing in (3, None, object()):
        with pytest.raises(ModelFileError, match="cannot open a"):
            surgeon.open(nothing)
    with pytest.raises(ModelFileError, match="is fused"):
        surgeon.open(YOLO("yolov8n.yaml").model.fuse(verbose=False))
