"""What counting itself takes, in a process of its own: memory, and modules of PyTorch that only its compiler needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
MIB = 2**20
LIMIT = 20 * MIB

SCRIPT = """
import gc, json, sys, tracemalloc
sys.path[:0] = [{root!r}, {support!r}]
from benchmarks.shipped import outline
from profiler_support import ultralytics_graph
from surgeon.profiler.flops.count import count

def status(key):
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith(key))

def resident(call):
    gc.collect()
    open("/proc/self/clear_refs", "w").write("5")  # the peak starts again
    before = status("VmRSS")
    call()
    return status("VmHWM") - before

def traced(call):
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak

answers = []
for name in {names!r}:
    model = outline(name)
    rows = ultralytics_graph(model)
    loaded = set(sys.modules)
    def call():
        assert count(model, rows, {imgsz!r}).counted_on == "meta"
    figures = {{"first": resident(call), "second": resident(call), "traced": traced(call)}}
    answers.append({{"name": name, "imported": sorted(set(sys.modules) - loaded), **figures}})
print(json.dumps(answers))
"""


def measured(*names: str, imgsz: tuple[int, int]) -> list[dict[str, Any]]:
    """Each network counted twice, in one fresh process."""
    script = SCRIPT.format(root=str(ROOT), support=str(ROOT / "tests" / "profiler"), names=names, imgsz=imgsz)
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stderr
    answers: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return answers


needs_linux = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="asks Linux for the peak")


@needs_linux
def test_the_first_count_needs_no_compiler_and_no_memory() -> None:
    """PyTorch's shape functions that are Python import sympy and the compiler: seconds, and 100 MiB."""
    names = ("yolov8n", "yolo12n", "yolo26n-seg", "yolo11n-obb", "yolo26n-depth", "rtdetr-l")
    for answer in measured(*names, imgsz=(640, 640)):
        assert not {"sympy", "torch._dynamo", "torch._inductor"} & set(answer["imported"]), answer["name"]
        assert answer["first"] < LIMIT and answer["second"] < LIMIT and answer["traced"] < LIMIT, answer


@needs_linux
@pytest.mark.slow
@pytest.mark.parametrize("name", ["yolov8x", "yolo12x", "rtdetr-x"])
def test_the_largest_networks_at_1280(name: str) -> None:
    (answer,) = measured(name, imgsz=(1280, 1280))
    assert answer["first"] < LIMIT and answer["second"] < LIMIT and answer["traced"] < LIMIT, answer
