"""Exact counts of stock networks: 2 × MACs of convolution, linear layers and matrix products, in GFLOPs."""

from __future__ import annotations

import contextlib
import io

import pytest
import torch
from fvcore.nn import FlopCountAnalysis
from profiler_support import state_of, ultralytics_graph, ultralytics_model
from torch.utils.flop_counter import FlopCounterMode

from surgeon.profiler.flops.count import count

EXACT_GFLOPS = {
    "yolov5n": 7.725,
    "yolov8n": 8.744,
    "yolov8s": 28.603,
    "yolov9t": 8.311,
    "yolov10n": 8.628,
    "yolo11n": 6.543,
    "yolo12n": 7.471,
    "yolo26n": 6.081,
    "yolov8n-seg": 12.003,
    "yolov8n-pose": 9.178,
    "yolov8n-obb": 8.989,
    "yolov8n-cls": 0.405,
    "rtdetr-l": 109.536,
}


@pytest.fixture(scope="module")
def yolov8n() -> torch.nn.Module:
    return ultralytics_model("yolov8n")


@pytest.mark.parametrize("name", EXACT_GFLOPS)
def test_stock_networks_are_exact(name: str) -> None:
    imgsz = (224, 224) if name.endswith("-cls") else (640, 640)
    model = ultralytics_model(name)
    counted = count(model, ultralytics_graph(model, imgsz), imgsz)
    assert 2 * counted.counts.macs / 1e9 == pytest.approx(EXACT_GFLOPS[name], abs=6e-4)
    assert counted.counts.executed == counted.counts.macs == sum(row.macs for row in counted.rows.values())
    assert counted.outside.macs == 0
    assert counted.counts.uncounted == ()
    assert counted.counted_on == "meta"


def test_yolov8n_to_the_mac(yolov8n: torch.nn.Module) -> None:
    counted = count(yolov8n, ultralytics_graph(yolov8n), (640, 640))
    assert counted.counts.macs == 4_371_993_600
    assert counted.rows["model.0"].macs == 320 * 320 * 16 * 27
    assert counted.rows["model.4"].out_shape == (1, 64, 80, 80)
    assert counted.rows["model.22"].out_shape is None


def test_agrees_with_flop_counter_mode(yolov8n: torch.nn.Module) -> None:
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        yolov8n.eval()(torch.zeros(1, 3, 320, 320))
    counted = count(yolov8n, ultralytics_graph(yolov8n), (320, 320))
    assert 2 * counted.counts.executed == counter.get_total_flops()


def test_agrees_with_fvcore(yolov8n: torch.nn.Module) -> None:
    with contextlib.redirect_stderr(io.StringIO()):
        analysis = FlopCountAnalysis(yolov8n.eval(), torch.zeros(1, 3, 320, 320))
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
        by_operator = analysis.by_operator()
    counted = count(yolov8n, ultralytics_graph(yolov8n), (320, 320))
    assert counted.counts.executed == by_operator["conv"] + by_operator.get("linear", 0) + by_operator.get("matmul", 0)


def test_does_not_touch_the_model(yolov8n: torch.nn.Module) -> None:
    yolov8n.train()
    before = state_of(yolov8n)
    count(yolov8n, ultralytics_graph(yolov8n), (640, 640))
    assert state_of(yolov8n) == before


def test_a_model_that_has_run_counts_the_same(yolov8n: torch.nn.Module) -> None:
    """A head that has cached its anchors (as inference tensors, at this size) is no different."""
    with torch.inference_mode():
        yolov8n.eval()(torch.zeros(1, 3, 320, 320))
    counted = count(yolov8n, ultralytics_graph(yolov8n), (320, 320))
    assert counted.counts.macs * 4 == 4_371_993_600
    assert counted.counted_on == "meta"


def test_scales_with_batch_and_size(yolov8n: torch.nn.Module) -> None:
    graph = ultralytics_graph(yolov8n)
    one = count(yolov8n, graph, (320, 480)).counts.macs
    assert count(yolov8n, graph, (320, 480), batch=3).counts.macs == 3 * one
    assert one * 640 * 640 == 4_371_993_600 * 320 * 480


def test_a_half_precision_checkpoint_counts_the_same(yolov8n: torch.nn.Module) -> None:
    import copy

    half = copy.deepcopy(yolov8n).half()
    assert count(half, ultralytics_graph(half), (640, 640)).counts.macs == 4_371_993_600
