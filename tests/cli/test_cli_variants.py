"""``surgeon profile --variants``."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest


def test_names_are_known_or_refused(run: Callable[..., Any]) -> None:
    outcome = run("profile", "yolov8n.yaml", "--variants", "eager,tensorrt")
    assert outcome.code == 2
    assert "'tensorrt' is no variant: give some of eager, channels_last" in outcome.one_line


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--no-latency",), "--no-latency asks for no time"),
        (("--imgsz", "64,96"), "several sizes or batches are one table"),
    ],
)
def test_what_does_not_go_with_them(run: Callable[..., Any], words: tuple[str, ...], says: str) -> None:
    outcome = run("profile", "yolov8n.yaml", "--variants", "all", *words)
    assert outcome.code == 2 and says in outcome.one_line


def test_a_stock_network_in_onnx_runtime(run: Callable[..., Any]) -> None:
    """Times are not looked at."""
    pytest.importorskip("onnxruntime")
    outcome = run(
        *("profile", "yolov8n.yaml", "imgsz=64", "--time-budget", "0.5", "--no-rows"),
        *("--variants", "onnxruntime,half", "--json", "-"),
    )
    saved = json.loads(outcome.out)
    eager, onnx, half = saved["variants"]
    assert (eager["name"], onnx["name"], half["name"]) == ("eager", "onnxruntime", "half")
    assert onnx["same_network"] is True and 0 < onnx["difference"] < 0.01
    assert onnx["paired"]["pairs"] > 0 and eager["median_ms"] > 0
    assert "float16 is timed on a CUDA device only" in half["missing"]
    assert saved["command"].endswith("--variants eager,onnxruntime,half")
