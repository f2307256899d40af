"""The figures that articles and the specification quote, through the public API.

YOLOv8n at 640, unfused: the blocks after row 9 (SPPF). "Ultralytics" is what its own ``model.info()`` prints, exact is
2 × the MACs of convolutions and matrix products.
"""

from __future__ import annotations

import pytest

import surgeon

# block, settings, Ultralytics, exact (GFLOPs, three decimals)
PUBLISHED = [
    ("fla", {}, 9.077, 8.972),
    ("gam", {}, 10.167, 10.055),
    ("lska", {"k_size": 7}, 8.910, 8.799),
    ("mhsa", {}, 9.262, 9.147),
    ("mhsa", {"position": False}, 9.180, 9.065),
    # The published module prints 9.035; thop counts our tiled attention on its tiny proxy images.
    ("acmix", {}, None, 8.923),
]


def figures(model):
    result = model.profile(640, latency=False)
    return result.counts.ultralytics_gflops, 2 * result.counts.macs / 1e9, result


@pytest.fixture(scope="module")
def yolov8n():
    return surgeon.open("yolov8n.yaml")


def test_yolov8n(yolov8n):
    ultralytics, exact, result = figures(yolov8n)
    assert ultralytics == pytest.approx(8.855091, abs=1e-6)
    assert f"{ultralytics:.1f}" == "8.9"
    assert exact == pytest.approx(8.743987, abs=1e-6)
    assert result.params == 3_157_200 and result.model_layers == 129
    assert not result.counts.uncounted
    assert sum(layer.macs for layer in result.layers) == result.counts.macs


@pytest.mark.parametrize(("block", "settings", "ultralytics", "exact"), PUBLISHED)
def test_a_block_after_row_9(yolov8n, block, settings, ultralytics, exact):
    reported, counted, result = figures(yolov8n.insert(block, after="backbone.9", settings=settings))
    assert counted == pytest.approx(exact, abs=6e-4)
    if ultralytics is not None:
        assert reported == pytest.approx(ultralytics, abs=6e-4)
    assert not result.counts.uncounted
    if block == "acmix":
        assert 2 * sum(result.counts.elementwise_macs.values()) / 1e9 == pytest.approx(0.020, abs=6e-4)


def test_info_prints_what_we_say_it_prints(yolov8n, caplog):
    """Against Ultralytics itself, not against our own wrapper."""
    edited = yolov8n.insert("fla", after="backbone.9")
    _, params, _, gflops = edited.module.info()
    result = edited.profile(640, latency=False)
    assert result.params == params
    assert result.counts.ultralytics_gflops == pytest.approx(gflops, abs=1e-9)
    assert f"{gflops:.1f}" == "9.1"


def test_the_gate_is_in_the_figures(yolov8n):
    closed, paper = (
        yolov8n.insert("gam", after=9, start=start).profile(64, latency=False) for start in ("identity", "paper")
    )
    assert closed.params - paper.params == 256
