"""Every YAML that ships with Ultralytics × blocks × sites × both modes: is each edit built, proven and rebuilt?

    python benchmarks/matrix.py --out docs/matrix.md
    python benchmarks/matrix.py --configs 'yolo11*' --journal /tmp/matrix.jsonl

One block stands after every row that puts out a feature map, the others after five rows spread over the network. An
edit counts as passed when its fast checks do: every tensor carried over, output equal bit for bit at a square and a
rectangular size, and the network rebuilt from ``model.yaml`` with equal names, wiring and output. What is refused, or
fails, is listed with its reason. The journal (a line an edit) lets an interrupted run go on where it stopped.
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import json
import re
import time
from collections import Counter, defaultdict
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

EVERYWHERE = "lska"
AT_FIVE = ("acmix", "fla", "gam", "mhsa")
MODES = ("row", "graft")
ORDER = "ntsmbclxe"
LATE = ("rtdetr", "resnet", "yolov3", "yolov9c", "yolov9e")
"""The largest networks come last, for a run with a budget."""
_FAMILY = re.compile(r"^(yolo(?:e-)?v?\d+)([a-z]?)((?:-.*)?)$")


def configs() -> tuple[list[str], list[str]]:
    """Each shipped YAML at its smallest scale, and each at the next larger one where it has several."""
    from surgeon.models.ultralytics.yaml_source import shipped_names

    names = shipped_names()
    scales: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in names:
        if (found := _FAMILY.match(name)) and found[2]:
            scales[(found[1], found[3])].append(name)
    ordered = [sorted(group, key=lambda n: ORDER.index(_FAMILY.match(n)[2])) for group in scales.values()]  # type: ignore[index]
    smallest = [group[0] for group in ordered]
    for name in names:
        found = _FAMILY.match(name)
        if found is None or (not found[2] and (found[1], found[3]) not in scales):
            smallest.append(name)
    return sorted(smallest), sorted(group[1] for group in ordered if len(group) > 1)


def run_config(name: str, mode: str, done: set[str], deadline: float) -> list[dict[str, Any]]:
    """Every edit of one network in one mode that is not done yet."""
    import torch

    import surgeon
    from surgeon import workflows
    from surgeon.errors import CheckError, InputError
    from surgeon.surgery.recipe import Insert, Recipe

    torch.set_num_threads(1)
    model = surgeon.open(name).opened
    graph = workflows.tree(model, (128, 128))
    rows = [layer for layer in graph if layer.is_feature_map and graph.consumers(layer.key)]
    five = {rows[round(k * (len(rows) - 1) / 4)].key for k in range(5)}
    cases = [(EVERYWHERE, layer) for layer in rows]
    cases += [(block, layer) for block in AT_FIVE for layer in rows if layer.key in five]
    results = []
    for block, layer in cases:
        key = f"{name} {mode} {block} {layer.site}"
        if key in done or time.time() > deadline:
            continue
        recipe = Recipe(edits=(Insert(module=block, after=str(layer.index)),), mode=mode)
        result = {"key": key, "config": name, "mode": mode, "block": block, "site": f"{layer.site} ({layer.kind})"}
        try:
            workflows.edit(model, recipe)
            result["outcome"] = "passed"
        except InputError as error:
            result.update(outcome="refused", reason=str(error))
        except CheckError as error:
            result.update(outcome="failed", reason=str(error))
        except Exception as error:  # a crash is a finding of this benchmark, not its end
            result.update(outcome="crashed", reason=f"{type(error).__name__}: {error}")
        results.append(result)
    return results


def _run_task(task: tuple[str, str, set[str], float]) -> tuple[str, str, list[dict[str, Any]]]:
    name, mode, done, deadline = task
    return name, mode, run_config(name, mode, done, deadline)


def main() -> None:
    """Run what is asked for and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--configs", default="*", help="glob over the names")
    parser.add_argument("--journal", type=Path, default=Path("matrix.jsonl"))
    parser.add_argument("--out", type=Path, help="write the table as Markdown")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--budget", type=float, default=float("inf"), help="seconds after which no edit begins")
    options = parser.parse_args()
    smallest, larger = configs()
    wanted = [name for name in (*smallest, *larger) if fnmatch.fnmatch(name, options.configs)]
    results = _read(options.journal)
    done = {result["key"] for result in results}
    deadline = time.time() + options.budget
    units = sorted(
        ((name, mode) for name in wanted for mode in MODES), key=lambda u: any(word in u[0] for word in LATE)
    )
    tasks = [(name, mode, done, deadline) for name, mode in units]
    # A fresh process every few networks: some keep memory that they were given.
    with get_context("spawn").Pool(options.workers, maxtasksperchild=4) as pool:
        for name, mode, fresh in pool.imap_unordered(_run_task, tasks):
            with options.journal.open("a", encoding="utf-8") as journal:
                journal.writelines(json.dumps(result) + "\n" for result in fresh)
            results += fresh
            print(f"{name} {mode}: {dict(Counter(result['outcome'] for result in fresh))}", flush=True)
    text = table(results, wanted)
    print(text)
    if options.out is not None:
        options.out.write_text(text, encoding="utf-8")


def _read(journal: Path) -> list[dict[str, Any]]:
    with contextlib.suppress(FileNotFoundError):
        return [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
    return []


def table(results: list[dict[str, Any]], wanted: list[str]) -> str:
    """The outcome of every network, and the reason of everything that did not pass."""
    outcomes: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for result in results:
        outcomes[(result["config"], result["mode"])][result["outcome"]] += 1
    total = Counter(result["outcome"] for result in results)
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "ultralytics"))
    lines = [
        "# The matrix",
        "",
        f"Written by `python benchmarks/matrix.py --out docs/matrix.md` ({versions}, CPU). A cell counts the",
        "edits that passed of those that were tried; what was refused or failed is listed below with its reason.",
        "",
        f"{len(results)} edits: " + ", ".join(f"{count} {outcome}" for outcome, count in total.most_common()) + ".",
        "",
        "| network | rows | grafts |",
        "|---|---|---|",
    ]
    for name in sorted(wanted):
        cells = [_cell(outcomes.get((name, mode))) for mode in MODES]
        lines.append(f"| {name} | {cells[0]} | {cells[1]} |")
    reasons: dict[tuple[str, str], list[str]] = defaultdict(list)
    for result in results:
        if result["outcome"] != "passed":
            what = f"{result['config']} {result['mode']} {result['block']} after {result['site']}"
            reasons[(result["outcome"], result["reason"])].append(what)
    lines += ["", "## What did not pass", ""] if reasons else ["", "Everything that was tried passed."]
    for (outcome, reason), cases in sorted(reasons.items(), key=lambda item: -len(item[1])):
        more = f" and {len(cases) - 3} more" if len(cases) > 3 else ""
        lines.append(f"- {outcome}, {len(cases)}: {'; '.join(cases[:3])}{more}: {reason}")
    return "\n".join(lines) + "\n"


def _cell(found: Counter[str] | None) -> str:
    return "not run" if not found else f"{found['passed']} of {found.total()}"


if __name__ == "__main__":
    main()
