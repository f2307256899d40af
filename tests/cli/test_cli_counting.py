"""What ``surgeon profile`` counts and lists on demand."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from surgeon import workflows


def test_the_figures_are_reconciled_to_the_last_digit(run: Callable[..., Any]) -> None:
    out = run("profile", "yolov8n.yaml", "--explain", "--no-latency", "--no-rows").out
    assert re.search(r"exact +8\.743987\n +BatchNorm2d +\+0\.111104\n +what model\.info\(\) prints +8\.855091\n", out)
    rows = {line.split()[0]: line for line in out.splitlines() if "GFLOPs " in line or "GMACs " in line}
    assert rows["macs"].split()[1:5] == ["4.372", "GMACs", "4.372", "GMACs"]
    assert rows["thop-full"].split()[1:5] == ["8.855", "GFLOPs", "8.744", "GFLOPs"]
    assert rows["ultralytics"].split()[-1] != "" and "32x32" in rows["ultralytics"]
    assert {"executed", "flops", "flops+elementwise", "legacy"} <= rows.keys()


@pytest.mark.parametrize(("by", "column"), [("modules", "executed"), ("operators", "executed")])
def test_lists_sum_to_the_total(run: Callable[..., Any], by: str, column: str) -> None:
    outcome = run("profile", "yolo11n.yaml", "imgsz=64", "--by", by, "--no-latency", "--json", "-")
    saved = json.loads(outcome.out)
    whole = saved["counts"]["executed"]
    listed = saved["detail"][by]
    if by == "operators":
        assert sum(one[column] for one in listed) == whole > 0
        return
    network, *rest = listed
    assert network["path"] == "" and network[column] == whole
    assert sum(one[column] for one in rest if re.fullmatch(r"model\.\d+", one["path"])) == whole


def test_the_tree_of_modules_is_shown(run: Callable[..., Any]) -> None:
    out = run("profile", "yolov8n.yaml", "imgsz=64", "--by", "modules", "--no-latency").out
    assert "model.22.cv2.0.0.conv" in out and "total" in out
    assert "share of the GFLOPs" not in out  # the table of rows


def test_sizes_and_batches_are_one_table(run: Callable[..., Any]) -> None:
    outcome = run("profile", "yolov8n.yaml", "--imgsz", "64,64x128", "--batch", "1,3", "--no-latency")
    rows = [line.split() for line in outcome.out.splitlines() if re.match(r"64x\d", line)]
    assert [row[:3] for row in rows] == [
        ["64x64", "1", "0.087"],
        ["64x64", "3", "0.262"],
        ["64x128", "1", "0.175"],
        ["64x128", "3", "0.525"],
    ]
    assert outcome.out.count("yolov8n (yolov8n.yaml)") == 1


def test_an_interrupted_sweep_keeps_the_sizes_before_it(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def profile(model: Any, settings: Any, **options: Any) -> Any:
        asked.append(settings.imgsz[0])
        if len(asked) == 3:
            raise KeyboardInterrupt
        return real(model, settings, **options)

    real = workflows.profile
    monkeypatch.setattr(workflows, "profile", profile)
    outcome = run("profile", "yolov8n.yaml", "--imgsz", "64,96,128,160", "--no-latency")
    assert outcome.code == 130
    assert [line.split()[0] for line in outcome.out.splitlines() if re.match(r"\d+x\d", line)] == ["64x64", "96x96"]
    assert asked == [64, 96, 128]


def test_a_training_step(run: Callable[..., Any]) -> None:
    outcome = run("profile", "yolov8n.yaml", "imgsz=64", "--batch", "2", "--training", "--no-latency", "--no-rows")
    assert "training step" in outcome.out and "per image" in outcome.out
    saved = json.loads(run("profile", "yolov8n.yaml", "imgsz=64", "--training", "--no-latency", "--json", "-").out)[
        "training"
    ]
    assert saved["forward_macs"] == saved["weight_gradient_macs"] > saved["input_gradient_macs"] > 0


def test_rows_under_a_given_roof(run: Callable[..., Any]) -> None:
    words = ("profile", "yolov8n.yaml", "imgsz=64", "--peak-gflops", "50", "--peak-bandwidth", "10", "--no-latency")
    saved = json.loads(run(*words, "--json", "-").out)
    assert (saved["peak"]["gflops"], saved["peak"]["bandwidth_gbs"]) == (50, 10)
    out = run(*words).out
    assert "5.0 FLOP/B" in out and "roofline, fused, float32" in out
    assert saved["command"].endswith("--peak-gflops 50 --peak-bandwidth 10")


def test_networks_under_a_given_roof(run: Callable[..., Any], folder: Path) -> None:
    """Measured once for all of them, and with all that a page draws it of."""
    words = ("imgsz=64", "--peak-gflops", "50", "--peak-bandwidth", "10", "--no-latency", "-o", "page.html")
    outcome = run("compare", "yolov8n.yaml", "yolov6n.yaml", *words)
    assert "Roof: 50.0 GFLOP/s (given), 10.0 GB/s (given). At best" in " ".join(outcome.out.split())
    assert 'aria-label="Roofline, fused, float32: 50.0 GFLOP/s and 10.0 GB/s' in (folder / "page.html").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--imgsz", "64,128", "--explain"), "name one size and batch"),
        (("--batch", "0"), "'0' is no batch size"),
        (("--batch", "1,x"), "'1,x' is no batch size"),
        (("--by", "colour"), "colour"),
        (("--peak-gflops", "0"), "peak-gflops"),
    ],
)
def test_refusals(run: Callable[..., Any], words: tuple[str, ...], said: str) -> None:
    outcome = run("profile", "yolov8n.yaml", "--no-latency", *words)
    assert outcome.code == 2 and said in outcome.err and "Traceback" not in outcome.err


def test_an_edit_is_measured_at_one_batch(run: Callable[..., Any]) -> None:
    outcome = run("insert", "--module", "se", "--after", "9", "--batch", "1,2")
    assert outcome.code == 2 and "one batch size is measured here" in outcome.err
