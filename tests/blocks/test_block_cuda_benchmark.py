"""The GPU's benchmark without a GPU: what it refuses, which forms it runs, and how it tells the figures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import blocks_cuda as gpu  # isort: skip
from surgeon.errors import MeasurementError

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "blocks.py"


class Clock:
    """Every pass takes a millisecond, and the budget is spent at once."""

    warmup_runs = 1

    def now_s(self) -> float:
        return 0.0

    def run_ms(self, call: Any) -> float:
        call()
        return 1.0

    def mark(self) -> int:
        return 0

    def spans_ms(self, marks: list[int]) -> list[float]:
        return [float(gpu.CALLS)] * (len(marks) - 1)


def measure(block: str, **settings: Any) -> gpu.Result:
    training = settings.pop("training", False)
    setup = gpu.Setup(device="cpu", seconds=0, **settings)
    return gpu.measure(block, 8, 5, setup, training=training, clock=Clock())


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
@pytest.mark.parametrize(
    "arguments",
    [
        ("--device", "cuda"),
        pytest.param(("--device", "cuda:1", "--dtype", "float16", "--compile"), marks=pytest.mark.slow),
    ],
)
def test_refuses_a_machine_without_a_gpu(arguments: tuple[str, ...]) -> None:
    command = [sys.executable, SCRIPT, *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout) == (2, "")
    assert arguments[1] in done.stderr and "no CUDA GPU" in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("setup", "training", "match"),
    [
        (gpu.Setup(dtype="int8"), False, "int8.*float32, float16, bfloat16"),
        (gpu.Setup(device="mps"), False, "mps.*cuda"),
        (gpu.Setup(device="cpu:0"), False, "cpu:0.*a GPU's"),
        (gpu.Setup(dtype="float16"), True, "--training runs in float32"),
    ],
    ids=str,
)
def test_refuses(monkeypatch: pytest.MonkeyPatch, setup: gpu.Setup, training: bool, match: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(MeasurementError, match=match):
        gpu.require_gpu(setup, training=training)


def test_runs_every_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda module, **_: module)
    found = measure("se", compiled=True)
    assert set(found.times_ms) == {"ours", "plain", "ours compiled", "plain compiled"} and not found.missing
    assert all(times == [1.0] * gpu.MIN_TURNS for times in found.times_ms.values())
    assert found.apart <= 1e-5 and found.memory["plain"] >= found.memory["ours"] > 0
    assert found.ratio("plain", "ours") == "1.00 [1.00, 1.00]" and found.ratio("ours", "fused") == ""


def test_trains_in_single_precision() -> None:
    found = measure("acmix", training=True)
    assert set(found.times_ms) == {"ours", "plain"} and found.apart <= 1e-4 and not found.memory


def test_says_why_a_form_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Any, x: Tensor) -> Tensor:
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(gpu.Plain, "forward", fail)
    found = measure("acmix")
    assert set(found.times_ms) == {"ours"} and found.memory.keys() == {"ours"}
    assert "out of memory" in found.missing["plain"] and "does not serve" in found.missing["fused"]
    text = gpu.table([found], gpu.Setup(), "A GPU", "python")
    assert "acmix 8 5, plain: RuntimeError: CUDA out of memory" in text


def test_fused_form_is_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    def attend(q: Tensor, *_: Any, **__: Any) -> Tensor:
        return q

    monkeypatch.setattr(gpu.fused_acmix, "serves", lambda *_, **__: True)
    monkeypatch.setattr(gpu.fused_acmix, "attend", attend)
    found = measure("acmix")
    assert found.ratio("ours", "fused") == "1.00 [1.00, 1.00]"
    assert found.apart > 0.01, "this kernel does not attend"


def test_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda module, **_: module)
    text = gpu.table([measure("se", compiled=True), measure("se", training=True)], gpu.Setup(), "A GPU", "the command")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 4 and len({row.count("|") for row in rows}) == 1
    assert "1.00 [1.00, 1.00]" in rows[2] and "forward and backward" in rows[3] and "the command" in text


def test_header_names_what_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    class Properties:
        name, major, minor = "Some GPU", 9, 0

    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: Properties)
    monkeypatch.setattr(gpu, "_driver", lambda: "580.1")
    text = gpu.describe(gpu.Setup(dtype="bfloat16"))
    wanted = (
        "Some GPU",
        "9.0",
        "driver 580.1",
        f"torch {torch.__version__}",
        "bfloat16",
        "cudnn.benchmark off",
        "TF32",
    )
    assert all(word in text for word in wanted)
