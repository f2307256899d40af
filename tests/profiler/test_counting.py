"""Every convention of one network through the library."""

from __future__ import annotations

import pytest
from torch import nn
from torch.nn import functional as F
from ultralytics import YOLO
from ultralytics.utils.torch_utils import get_flops

import surgeon
from surgeon.profiler.saved import from_json, to_json


class SqueezeExcite(nn.Module):
    """As it is pasted most: pooled by a function call."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze, self.excite = nn.Conv2d(channels, channels, 1), nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        return x * self.excite(F.silu(self.squeeze(F.adaptive_avg_pool2d(x, 1)))).sigmoid()


@pytest.mark.parametrize(
    ("name", "blocks"),
    [("yolov8n", ()), ("yolo12n", ()), ("yolo11n-cls", ()), ("yolov8n-rtdetr", ()), ("yolov8n", ("acmix", "coordatt"))],
)
def test_the_terms_close_the_gap(name, blocks):
    model = surgeon.open(f"{name}.yaml")
    for block in blocks:
        model = model.insert(block, after=9)
    result = model.profile(latency=False, detail=True)
    found = result.detail.reconciliation
    assert found.exact_flops == 2 * result.counts.macs
    assert found.exact_flops + sum(term.flops for term in found.terms) == pytest.approx(found.printed_flops, rel=1e-12)
    assert found.printed_flops / 1e9 == result.counts.ultralytics_gflops
    assert result.counts.ultralytics_gflops == pytest.approx(get_flops(model.module, [640, 640]), rel=1e-12)
    names = [term.name for term in found.terms]
    assert ("extrapolated from small images" in names) == (result.counts.misleading != "") == ("coordatt" in blocks)
    assert "BatchNorm2d" in names
    assert any(name.startswith("ACmix") and "definition" in name for name in names) == ("acmix" in blocks)


def test_every_convention_in_both_forms():
    result = surgeon.open("yolov8n.yaml").profile(latency=False, detail=True, batch=2)
    value = {(one.convention, one.fused): (one.value, one.batch) for one in result.detail.figures}
    exact = 2 * 4_371_993_600
    norms = 111_104_000
    for fused in (False, True):
        assert value["macs", fused] == value["executed", fused] == (exact, 2)  # of two images
        assert value["flops", fused] == (2 * exact, 2)
        assert value["flops+elementwise", fused][0] > value["flops", fused][0]
        assert value["ultralytics", fused] == value["thop-full", fused] == (exact + (0 if fused else norms), 1)
        assert value["legacy", fused][1] == 1
    assert result.detail.elementwise_flops == value["flops+elementwise", False][0] - 2 * exact


def test_a_figure_that_misleads_is_explained():
    yolo = YOLO("yolov8n.yaml", verbose=False)
    row = yolo.model.model[9]
    row.cv2 = nn.Sequential(row.cv2, SqueezeExcite(256))
    result = surgeon.open(yolo).profile(latency=False)
    assert result.counts.ultralytics_gflops == pytest.approx(get_flops(yolo.model, [640, 640]), rel=1e-12)
    assert "model.info() prints" in result.counts.misleading and "too many" in result.counts.misleading
    assert "backbone.9 (SPPF)" in result.counts.misleading
    assert result.counts.misleading in str(result).replace("\n", " ")


def test_detail_is_saved():
    result = surgeon.open("yolov8n.yaml").profile(64, latency=False, detail=True)
    text = to_json(result)
    assert to_json(from_json(text)) == text and from_json(text).detail == result.detail


def test_without_being_asked_nothing_is_detailed():
    assert surgeon.open("yolov8n.yaml").profile(64, latency=False).detail is None
