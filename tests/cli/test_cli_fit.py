"""``surgeon profile --fit``: what it prints, what it saves, what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from surgeon.cli.fitting import Fit
from surgeon.cli.values import Memory
from surgeon.profiler.results import ProfileResult
from surgeon.profiler.saved import from_json, to_json
from surgeon.profiler.training_figures import Fitting

GIB = 2**30


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("8GiB", 8 * GIB),
        ("8 gib", 8 * GIB),
        ("24GB", 24 * 10**9),
        ("7.5GiB", 15 * GIB // 2),
        ("512MiB", 2**29),
        ("1TB", 10**12),
        ("1.234567KiB", 1264),
    ],
)
def test_sizes_and_how_they_are_spelled_in_a_command(text: str, size: int) -> None:
    assert Memory().convert(text, None, None) == size
    spelled = Fit(fit=size, optimizer=None, amp=False).words()[1]
    assert Memory().convert(spelled, None, None) == size


@pytest.mark.parametrize("text", ["8", "8G", "GiB", "-1GiB", "0GiB", "8 gigabytes", "1e3MB", ""])
def test_what_is_no_size_is_refused(run: Callable[..., Any], text: str) -> None:
    outcome = run("profile", "yolov8n.yaml", f"--fit={text}")
    assert outcome.code == 2
    assert f"{text!r} is no memory size: give a number with GiB, GB, MiB or MB, such as 8GiB" in outcome.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--amp",), "--amp says how the network of --fit is trained: give --fit 8GiB with it"),
        (("--optimizer", "sgd"), "--optimizer says how the network of --fit is trained"),
        (("--fit", "8GiB", "--optimizer", "lion"), "'lion' is not one of 'adamw', 'sgd', 'musgd'"),
        (("--fit", "8GiB", "--imgsz", "320,640"), "--fit 8GiB: several sizes or batches are one table"),
    ],
)
def test_what_cannot_be_answered_is_refused(run: Callable[..., Any], words: tuple[str, ...], said: str) -> None:
    outcome = run("profile", "yolov8n.yaml", *words)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in " ".join(outcome.err.split())


def test_the_largest_batch_is_printed_and_saved(run: Callable[..., Any], folder: Path) -> None:
    words = ("profile", "yolov8n.yaml", "imgsz=64", "--no-latency", "--no-rows", "--fit", "0.5GiB")
    outcome = run(*words, "--optimizer", "sgd", "--amp", "--json", "saved.json")
    assert outcome.code == 0, outcome.err
    text = " ".join(outcome.out.split())
    saved = from_json((folder / "saved.json").read_text())
    assert isinstance(saved, ProfileResult)
    assert saved.settings.fit == Fitting(budget_bytes=GIB // 2, optimizer="sgd", amp="float16")
    memory = saved.training_memory
    assert memory is not None
    assert (memory.loss, memory.boxes_per_image) == ("Ultralytics' v8DetectionLoss", 20)
    batch = memory.largest_batch(GIB // 2)
    assert 100 < batch < 1000
    assert f"largest batch in 512.00 MiB {batch} (" in text and "with a margin of 10.0 %" in text
    assert "AMP (float16 by autocast as on CUDA" in text and "20 boxes per image" in text
    assert "--fit 512MiB --optimizer sgd --amp" in text
    assert from_json(to_json(saved)) == saved


def test_without_fit_nothing_is_predicted(run: Callable[..., Any], folder: Path) -> None:
    outcome = run("profile", "yolov8n.yaml", "imgsz=64", "--no-latency", "--no-rows", "--json", "saved.json")
    assert "training memory" not in outcome.out
    saved = from_json((folder / "saved.json").read_text())
    assert isinstance(saved, ProfileResult)
    assert (saved.training_memory, saved.settings.fit) == (None, None)
