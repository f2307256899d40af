"""What an edit costs: plan, application and fast checks as multiples of one forward pass of that network at 320x320.

Everything is timed in one process, forward passes between the edits, and told as ratios: they hold on other machines
where seconds do not. Memory is what the process takes more at its peak than before the edit, over the size of the
weights; the edited copy that comes back is 1 of it. The command's time is told over that of the import it cannot avoid.

    python benchmarks/surgery.py --out docs/benchmarks-surgery.md
"""

from __future__ import annotations

import argparse
import ctypes
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

NETWORKS = {"yolov8n": "backbone.9", "yolo11x": "backbone.9", "rtdetr-l": "head.6"}
THREADS, LIMIT = 2, 10
SIDE = 320


def seconds(function: Callable[[], Any]) -> tuple[float, Any]:
    """Wall time of a call, and what it returned."""
    begin = time.perf_counter()
    result = function()
    return time.perf_counter() - begin, result


def forward_pass(module: Any) -> Callable[[], Any]:
    """One pass without gradients at 320x320, batch 1."""
    import torch

    image = torch.zeros(1, 3, SIDE, SIDE)

    def run() -> None:
        with torch.no_grad():
            module(image)

    return run


def time_edit(name: str, site: str, runs: int) -> dict[str, float]:
    """Median ratios of the steps of one insertion to the forward passes timed around it."""
    import torch

    from surgeon import workflows
    from surgeon.surgery import checks
    from surgeon.surgery.recipe import Insert, Recipe
    from surgeon.workflows import editing

    torch.set_num_threads(THREADS)
    model = workflows.open_model(f"{name}.yaml")
    run = forward_pass(model.module.eval())
    recipe = Recipe(edits=(Insert(module="gam", after=site),))
    spent: dict[str, float] = {}

    def timed(step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            spent[step], result = seconds(lambda: function(*args, **kwargs))
            return result

        return call

    # The two steps that an edit calls by name; what is left of it is the application.
    vars(editing).update(plan=timed("plan", editing.plan))
    vars(checks).update(check_edit=timed("checks", checks.check_edit))
    workflows.edit(model, recipe)
    found: dict[str, list[float]] = {"forward": [], "plan": [], "apply": [], "checks": [], "all": []}
    for _ in range(runs):
        passes = [seconds(run)[0] for _ in range(4)]
        whole, _ = seconds(lambda: workflows.edit(model, recipe))
        passes += [seconds(run)[0] for _ in range(4)]
        forward = statistics.median(passes)
        spent.update(all=whole, apply=whole - spent["plan"] - spent["checks"])
        found["forward"].append(forward)
        for step in ("plan", "apply", "checks", "all"):
            found[step].append(spent[step] / forward)
    return {key: statistics.median(values) for key, values in found.items()}


def memory_of_edit(name: str, site: str) -> float:
    """Peak of resident memory during an edit, less that before it, over the bytes of the weights; Linux with glibc."""
    import torch

    from surgeon import workflows
    from surgeon.surgery.recipe import Insert, Recipe

    torch.set_num_threads(THREADS)
    small = workflows.open_model("yolov8n.yaml")
    workflows.edit(small, Recipe(edits=(Insert(module="gam", after="backbone.9"),)))  # what is imported on first use
    model = workflows.open_model(f"{name}.yaml")
    forward_pass(model.module.eval())()
    weights = sum(t.numel() * t.element_size() for t in model.module.state_dict().values())
    ctypes.CDLL("libc.so.6").malloc_trim(0)  # else the peak hides in memory that was used and kept
    Path("/proc/self/clear_refs").write_text("5")
    before = status("VmRSS")
    workflows.edit(model, Recipe(edits=(Insert(module="gam", after=site),)))
    return (status("VmHWM") - before) / weights


def status(field: str) -> int:
    """A figure of this process in bytes, as Linux tells it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{field}:")).split()[1]) * 1024


def command_over_import(name: str, site: str, runs: int) -> float:
    """Wall time of ``surgeon insert --no-latency`` over that of ``import torch, ultralytics``, each its median."""
    words = ["insert", f"{name}.yaml", "--module", "gam", "--after", site, "--no-latency", "--force"]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "surgeon.cli.main", *words, "--out", str(Path(folder, "edited.pt"))]
        bare = [sys.executable, "-c", "import torch, ultralytics"]

        def call(line: list[str]) -> None:
            subprocess.run(line, check=True, capture_output=True)

        times = [(seconds(lambda: call(bare))[0], seconds(lambda: call(command))[0]) for _ in range(runs)]
    return statistics.median(t for _, t in times) / statistics.median(t for t, _ in times)


def in_own_process(step: str, name: str, runs: int) -> Any:
    """Run a measurement in a process of its own, so that none finds what another left."""
    line = [sys.executable, __file__, "--step", step, "--networks", name, "--runs", str(runs)]
    done = subprocess.run(line, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def table(rows: dict[str, dict[str, Any]], runs: int) -> str:
    """The figures as Markdown."""
    lines = [
        "# What an edit costs",
        "",
        f"`surgeon insert --module gam` after a row of the backbone, {THREADS} threads, medians of {runs} runs on a "
        f"{platform.machine()} with {platform.system()}; torch {version('torch')}, ultralytics "
        f"{version('ultralytics')}, Python {platform.python_version()}.",
        "",
        f"Plan, apply and checks are multiples of one forward pass of that network at {SIDE}x{SIDE}; their sum shall "
        f"stay within {LIMIT}. Memory is the peak over the state before the edit, as a multiple of the weights, the "
        "edited copy included. The command is a multiple of `import torch, ultralytics` in a fresh process.",
        "",
        "| network | forward | plan | apply | fast checks | all | memory | command |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, row in rows.items():
        steps = " | ".join(f"{row[key]:.1f}" for key in ("plan", "apply", "checks", "all"))
        lines.append(
            f"| {name} | {row['forward'] * 1000:.0f} ms | {steps} | {row['memory']:.1f} | {row['command']:.1f} |"
        )
    lines += ["", "```", "python benchmarks/surgery.py --out docs/benchmarks-surgery.md", "```", ""]
    return "\n".join(lines)


def main() -> int:
    """Measure, print, write; 1 where an edit costs more than the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--step", choices=["time", "memory"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        name = given.networks[0]
        site = NETWORKS[name]
        print(json.dumps(time_edit(name, site, given.runs) if given.step == "time" else memory_of_edit(name, site)))
        return 0
    rows = {}
    for name in given.networks:
        rows[name] = {
            **in_own_process("time", name, given.runs),
            "memory": in_own_process("memory", name, 1),
            "command": command_over_import(name, NETWORKS[name], min(3, given.runs)),
        }
        print({key: round(value, 3) for key, value in rows[name].items()}, flush=True)
    text = table(rows, given.runs)
    print(text)
    if given.out is not None:
        given.out.write_text(text, encoding="utf-8")
    return 1 if any(row["all"] > LIMIT for row in rows.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
