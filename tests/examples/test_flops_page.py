"""What docs/flops.md shows is what happens."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from torch import nn

import surgeon
from surgeon.graph.layer import LayerGraph
from surgeon.profiler.flops.count import count

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "flops.md").read_text("utf-8")
OPERATOR, MODULE = (text.partition("\n")[2] for text in PAGE.split("```")[1::2] if text.startswith("python"))
WITHOUT = re.sub(r"@surgeon\.register_macs.*?\n\n\n", "", OPERATOR, flags=re.DOTALL)

CHANNELS, SIDE = 256, 96 // 32
PRODUCTS = 2 * SIDE * SIDE * SIDE * CHANNELS
MACS = SIDE * SIDE * CHANNELS * 3 * CHANNELS + PRODUCTS


def surgeon_says(folder: Path, *words: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "surgeon.cli.main", *words, "--no-latency", "--imgsz", "96", "--json", "-"],
        check=False,
        cwd=folder,
        env={**os.environ, "YOLO_OFFLINE": "true"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_the_page_has_a_block_without_its_formula() -> None:
    assert "register_macs" in OPERATOR and "register_macs" not in WITHOUT
    assert "class RowMixer" in WITHOUT


def test_a_file_that_registers_its_formula_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "row_mixer.py").write_text(OPERATOR)
    answer = surgeon_says(tmp_path, "insert", "yolov8n.yaml", "--module", "row_mixer:RowMixer", "--after", "9")
    before, after = (result["counts"] for result in answer["comparison"]["results"])
    assert after["uncounted"] == []
    assert after["macs"] - before["macs"] == after["executed"] - before["executed"] == MACS

    monkeypatch.syspath_prepend(tmp_path)
    try:
        opened = surgeon.open(tmp_path / "yolov8n-rowmixer.pt", trust_modules=["row_mixer"])
        counts = opened.profile(96, latency=False).counts
    finally:
        surgeon.unregister_macs("mylib::row_attention")
        del sys.modules["row_mixer"]
    assert (counts.macs, counts.uncounted) == (after["macs"], ())

    (tmp_path / "row_mixer.py").write_text(WITHOUT)
    unknown = surgeon_says(tmp_path, "profile", "yolov8n-rowmixer.pt", "--trust-module", "row_mixer")["counts"]
    assert unknown["uncounted"] == ["mylib::row_attention in model.10.block"]
    assert after["macs"] - unknown["macs"] == PRODUCTS
    shown = "1 operator ran that no formula covers, the GFLOPs are a lower bound: " + unknown["uncounted"][0]
    assert shown in PAGE


def test_a_module_formula() -> None:
    names: dict[str, Any] = {"__name__": "row_mixer"}
    exec(compile((WITHOUT + MODULE).replace("mylib", "pagelib"), "row_mixer.py", "exec"), names)
    try:
        model = nn.Sequential(nn.Conv2d(3, CHANNELS, 1), names["RowMixer"](CHANNELS))
        found = count(model, LayerGraph(name="", family="", layers=(), imgsz=(SIDE, SIDE)), (SIDE, SIDE), batch=2)
    finally:
        surgeon.unregister_macs(names["RowMixer"])
    assert found.counts.uncounted == ()
    assert found.by_module()["1"] == 2 * MACS
