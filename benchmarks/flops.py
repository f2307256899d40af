"""Counting MACs: CPU seconds, memory and exactness of our engine and of every peer that is installed.

    python benchmarks/flops.py --out docs/benchmarks-flops.md
    python benchmarks/flops.py --models yolov8n --counters ours fvcore --parts time     # a piece of it

The peers are no dependencies of the project. An environment that has them, beside the one of development:

    uv venv peers && export VIRTUAL_ENV=$PWD/peers
    uv pip install --require-hashes -r requirements.lock && uv pip install --no-deps -e .
    uv pip install -r benchmarks/requirements-flops-imports.txt
    DS_BUILD_OPS=0 uv pip install --no-deps --no-build-isolation -r benchmarks/requirements-flops.txt

A peer that is missing is a row that says so. Every counter meets every network in a fresh process with one thread: one
call to warm up, one in which the memory is read, then calls for ``--seconds``, of which the median of
``time.process_time`` counts; a call that takes longer than that is the only one. Extra memory is the peak of resident
memory during a call over what it was before it, freed memory given back first (``/proc/self``; Linux with glibc).
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import io
import json
import multiprocessing
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from counters import COUNTERS, Figure
from flops_page import NOT_RUN, page

WITHOUT_FORWARD = ("ours", "get_flops", "fcm-meta")
NETWORKS = {"yolov8n": 640, "yolo12n": 640, "rtdetr-l": 640, "yolov8x": 1280, "yolo12x": 1280, "rtdetr-x": 1280}
STOCK = {
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
"""Exact GFLOPs at 640x640 (a classifier: 224x224), batch 1, to three decimals: what the reference has to give."""
PARTS = ("time", "stock", "probes")
LIMIT_S = 900
REFERENCE = "fcm-meta"


def network(name: str) -> Any:
    """A shipped network, built from its YAML, in eval mode."""
    from surgeon import workflows

    with contextlib.redirect_stdout(io.StringIO()):
        return workflows.open_model(f"{name}.yaml").module.eval()


def status(field: str) -> int:
    """A figure of this process in bytes, as Linux tells it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{field}:")).split()[1]) * 1024


def cpu_seconds(call: Callable[[], Figure]) -> tuple[float, Figure]:
    """CPU time of a call, and what it returned."""
    begin = time.process_time()
    figure = call()
    return time.process_time() - begin, figure


def time_one(counter: str, name: str, seconds: float) -> dict[str, Any]:
    """CPU seconds, extra memory and figure of one counter on one network."""
    import torch

    side = NETWORKS[name]
    call = COUNTERS[counter].ready(network(name), torch.zeros(1, 3, side, side))
    gc.collect()
    first, (macs, _) = cpu_seconds(call)
    ctypes.CDLL("libc.so.6").malloc_trim(0)  # else the peak hides in memory that was used and kept
    Path("/proc/self/clear_refs").write_text("5")
    before = status("VmRSS")
    spent, _ = cpu_seconds(call)
    memory = status("VmHWM") - before
    times: list[float] = []
    while sum(times) < seconds and spent < seconds:
        times.append(cpu_seconds(call)[0])
    return {
        "macs": macs,
        "seconds": statistics.median(times or [spent]),
        "calls": len(times) or 1,
        "first": first,
        "memory": memory,
    }


def count_stock(counter: str) -> dict[str, Any]:
    """A counter's figures for the shipped networks; the sentence where it fails."""
    import torch

    found: dict[str, Any] = {}
    for name in STOCK:
        side = 224 if name.endswith("-cls") else 640
        try:
            found[name] = COUNTERS[counter].ready(network(name), torch.zeros(1, 3, side, side))()[0]
        except Exception as error:
            found[name] = sentence(error)
    return found


def count_probes(counter: str) -> dict[str, Any]:
    """A counter's figures for the probes, each in a process of its own: some counters leave things behind."""
    import torch
    from probes import PROBES, SHAPE

    with contextlib.suppress(Exception):  # what it imports, once for all the processes to come
        COUNTERS[counter].ready(PROBES[0].build(), torch.rand(SHAPE))()
    context = multiprocessing.get_context("fork")
    found: dict[str, Any] = {}
    for index, probe in enumerate(PROBES):
        here, there = context.Pipe(duplex=False)
        child = context.Process(target=count_probe, args=(counter, index, there))
        child.start()
        there.close()
        try:
            found[probe.name] = here.recv() if here.poll(120) else {"macs": None, "error": "no answer in 120 s"}
        except EOFError:
            found[probe.name] = {"macs": None, "error": "it ends the process"}
        child.kill()
        child.join()
    return found


def count_probe(counter: str, index: int, answer: Any) -> None:
    """Send one figure, with what the counter names as uncounted."""
    import torch
    from probes import PROBES, SHAPE

    torch.set_grad_enabled(False)
    one = COUNTERS[counter]
    try:
        macs, named = (one.naming or one.ready)(PROBES[index].build(), torch.rand(SHAPE))()
        answer.send({"macs": macs, "named": [str(name) for name in named]})
    except Exception as error:
        answer.send({"macs": None, "error": sentence(error)})


def sentence(error: Exception) -> str:
    """An error in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"


def alone(part: str, counter: str, *more: str) -> dict[str, Any]:
    """Run a part in a fresh process; ``{"error": sentence}`` where that fails."""
    if COUNTERS[counter].installed is None:
        return {"error": "not installed"}
    line = [sys.executable, __file__, "--step", part, counter, *more]
    try:
        done = subprocess.run(line, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return {"error": f"no answer in {LIMIT_S} s"}
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1][:200]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def step(part: str, counter: str, more: list[str]) -> None:
    """What a fresh process does: one line of JSON at the end."""
    import torch

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    if counter == "exact":
        torch.backends.mha.set_fastpath_enabled(False)
        counter = REFERENCE
    if part == "time":
        found = time_one(counter, more[0], float(more[1]))
    else:
        found = count_stock(counter) if part == "stock" else count_probes(counter)
    print("\n" + json.dumps(found))


def measure(
    counters: list[str], models: list[str], parts: list[str], seconds: float, *, forward: bool
) -> dict[str, Any]:
    """Everything that is asked for; ours is timed before the peers and after them."""
    results: dict[str, Any] = {part: {} for part in parts}
    if "time" in parts:
        order = [*counters, *(["ours"] if "ours" in counters and len(counters) > 1 else [])]
        for name in models:
            rows = results["time"].setdefault(name, [])
            for counter in order:
                skipped = NETWORKS[name] == 1280 and not forward and counter not in WITHOUT_FORWARD
                found = {"error": NOT_RUN} if skipped else alone("time", counter, name, str(seconds))
                rows.append((counter, found))
                print(name, counter, rows[-1][1], flush=True)
    for part in ("stock", "probes"):
        for counter in counters if part in parts else ():
            results[part][counter] = alone(part, counter)
            print(part, counter, flush=True)
    if "stock" in parts:
        results["stock"]["exact"] = exact()
    return results


def exact() -> dict[str, Any]:
    """The reference: PyTorch's counter on meta tensors, attention kept off its fused path."""
    line = [sys.executable, __file__, "--step", "stock", "exact"]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    off = [name for name, gflops in STOCK.items() if round(2 * found[name] / 1e9, 3) != gflops]
    if off:
        raise SystemExit(f"the reference does not give the known figures of {', '.join(off)}")
    return found


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--counters", nargs="+", choices=list(COUNTERS), default=list(COUNTERS))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seconds", type=float, default=5.0, help="CPU seconds a counter and network")
    parser.add_argument("--forward-at-1280", action="store_true", help="counters that compute the forward there too")
    parser.add_argument("--out", type=Path, help="write the page as Markdown")
    parser.add_argument("--raw", type=Path, help="write the figures as JSON")
    parser.add_argument("--step", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        step(given.step[0], given.step[1], given.step[2:])
        return
    results = measure(given.counters, given.models, given.parts, given.seconds, forward=given.forward_at_1280)
    if given.raw is not None:
        given.raw.write_text(json.dumps(results, indent=1), encoding="utf-8")
    text = page(results, NETWORKS, given.seconds)
    print(text)
    if given.out is not None:
        given.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
