"""``surgeon compare`` of ONNX files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

pytest.importorskip("onnxruntime")


@pytest.fixture
def file(folder: Path) -> Path:
    from surgeon.models.exporting import export_outputs

    path = folder / "small.onnx"
    export_outputs(nn.Conv2d(3, 2, 3).eval().requires_grad_(False), torch.rand(1, 3, 64, 96), path)
    return path


def test_a_file_and_a_network_that_is_exported(file: Path, run: Callable[..., Any]) -> None:
    """Times are not looked at; the size is the file's."""
    outcome = run("compare", "small.onnx", "yolov8n.yaml", "--time-budget", "0.3", "--json", "-")
    assert outcome.code == 0, outcome.err
    saved = json.loads(outcome.out)
    assert saved["kind"] == "deployed" and saved["settings"]["imgsz"] == [64, 96]
    assert [one["exported"] for one in saved["models"]] == [False, True]
    assert saved["paired"][0]["pairs"] > 0
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["small.onnx"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("small.onnx",), "at least one candidate"),
        (("small.onnx", "absent.onnx"), "absent.onnx does not exist"),
        (("small.onnx", "small.onnx", "--imgsz", "640"), "takes images of 1x3x64x96"),
        (("small.onnx", "small.onnx", "--no-latency"), "leave --no-latency out"),
        (("small.onnx", "small.onnx", "--half"), "leave --half out"),
        (("small.onnx", "small.onnx", "--peak-gflops", "50"), "--peak-gflops 50: a roofline needs rows"),
    ],
)
def test_refusals(file: Path, run: Callable[..., Any], words: tuple[str, ...], says: str) -> None:
    outcome = run("compare", *words)
    assert outcome.code == 2 and says in outcome.one_line
