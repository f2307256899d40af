"""A detection head with other branches: what changes, what stays, and which heads take it."""

from __future__ import annotations

import pytest
import torch
from comparing import outputs, same

import surgeon
from surgeon.errors import InputError, PlanError
from surgeon.models.ultralytics.build import rebuild


def branches(network, name):
    return [list(level) for level in getattr(network.model[-1], name)]


def parts(network, name):
    return [part for level in branches(network, name) for part in level]


def count(modules):
    return sum(p.numel() for m in modules for p in m.parameters())


def test_the_box_branch_of_yolo11n():
    before = surgeon.open("yolo11n.yaml")
    after = before.replace("Detect", "mbconvhead")
    old, new = branches(before.module, "cv2"), branches(after.module, "cv2")
    assert count(parts(before.module, "cv2")) == 381_888 and count(parts(after.module, "cv2")) == 111_200
    for was, now in zip(old, new, strict=True):
        assert [type(m).__name__ for m in now] == ["PlantedBlock", "PlantedBlock", "Conv2d"]
        assert torch.equal(was[-1].weight, now[-1].weight) and torch.equal(was[-1].bias, now[-1].bias)
    assert same(*[[p for level in branches(m, "cv3") for part in level for p in part.parameters()]
                  for m in (before.module, after.module)])  # fmt: skip
    assert torch.equal(before.module.stride, after.module.stride)
    rebuilt = rebuild(after.module)
    assert same(outputs(after.module), outputs(rebuilt))
    fused = rebuilt.fuse(verbose=False)
    assert not [
        m for level in branches(fused, "cv2") for part in level for m in part.modules() if "Norm" in str(type(m))
    ]
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(outputs(after.module), outputs(fused), strict=True))


def test_a_fresh_head_has_the_biases_of_a_stock_one():
    """``bias_init`` reaches the last convolution of every branch, as in a network that was built anew."""
    after = surgeon.open("yolo11n.yaml").replace("Detect", "mbconvhead", settings={"branch": "both"})
    fresh = type(after.module)(after.module.yaml, verbose=False)
    for mine, stock in zip(branches(fresh, "cv2"), branches(surgeon.open("yolo11n.yaml").module, "cv2"), strict=True):
        assert torch.equal(mine[-1].bias, stock[-1].bias)
    for mine, stock in zip(branches(fresh, "cv3"), branches(surgeon.open("yolo11n.yaml").module, "cv3"), strict=True):
        assert torch.equal(mine[-1].bias, stock[-1].bias)


@pytest.mark.parametrize("source", ["yolov10n.yaml", "yolo26n.yaml"])
def test_one_to_one_branches_alike(source):
    after = surgeon.open(source).replace("v10Detect" if "v10" in source else "Detect", "mbconvhead")
    for name in ("cv2", "one2one_cv2"):
        assert {type(part).__name__ for level in branches(after.module, name) for part in level[:-1]} == {
            "PlantedBlock"
        }
    assert {type(part).__name__ for level in branches(after.module, "cv3") for part in level} != {"PlantedBlock"}


def test_the_training_loss_and_its_gradients():
    after = surgeon.open("yolov8n.yaml").replace("Detect", "mbconvhead", settings={"branch": "both"}).module.train()
    after.args = type("Args", (), {"box": 7.5, "cls": 0.5, "dfl": 1.5, "overlap_mask": True})()
    batch = {
        "img": torch.rand(2, 3, 64, 64),
        "batch_idx": torch.tensor([0.0, 1.0]),
        "cls": torch.tensor([[1.0], [2.0]]),
        "bboxes": torch.tensor([[0.5, 0.5, 0.4, 0.4], [0.4, 0.6, 0.5, 0.3]]),
    }
    loss, _ = after.loss(batch)
    loss.sum().backward()
    for name in ("cv2", "cv3"):
        for part in parts(after, name):
            assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in part.parameters())


def test_refusals():
    with pytest.raises(PlanError, match=r"head.0 \(RTDETRDecoder\)|has no box branches"):
        surgeon.open("rtdetr-l.yaml").replace("RTDETRDecoder", "mbconvhead")
    with pytest.raises(PlanError, match="has no box branches"):
        surgeon.open("yolov8n.yaml").replace("SPPF", "mbconvhead")
    with pytest.raises(InputError, match="one of box, class, both"):
        surgeon.open("yolov8n.yaml").replace("Detect", "mbconvhead", settings={"branch": "boxes"})
    with pytest.raises(PlanError, match="leave --mode row out"):
        surgeon.open("yolov8n.yaml").replace("Detect", "mbconvhead", mode="row")


@pytest.mark.parametrize(
    "place", [{"after": 9}, {"before": "Detect:0"}, {"inside": "C2f"}, {"mode": "graft", "after": 9}]
)
def test_a_block_of_a_head_is_not_inserted(place):
    """It would be planted as the plain MBConv that it is inside a branch, at a place where nobody asked for one."""
    instead = "nowhere else; surgeon replace --module mbconvhead --at Detect does that"
    with pytest.raises(PlanError, match=instead):
        surgeon.open("yolov8n.yaml").insert("mbconvhead", **place)


def test_a_network_without_such_a_head_is_told_so():
    with pytest.raises(PlanError, match="yolov8n-cls has no head with branches like Ultralytics' Detect"):
        surgeon.open("yolov8n-cls.yaml").insert("mbconvhead", after=3)
