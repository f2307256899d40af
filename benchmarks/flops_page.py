"""The page of ``benchmarks/flops.py``: time, memory and exactness as Markdown."""

from __future__ import annotations

import platform
import sys
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from typing import Any

from counters import COUNTERS
from probes import PROBES, verdict

NEAR = 0.02
"""How far off a figure may be to be told apart from a wrong one: conventions that add a bias or a softmax."""
NOT_RUN = "not run"
"""The error of a counter that computes the forward pass, on a network where that takes tens of seconds a call."""
VERDICTS = ("exact", "near", "flagged", "wrong", "failed")
SIGNS = {"exact": "✓", "near": "≈", "flagged": "named", "wrong": "**wrong**", "failed": "fails"}


def page(results: Mapping[str, Any], networks: Mapping[str, int], seconds: float) -> str:
    """Every table that there are figures for."""
    lines = [
        "# Counting: what it costs and what comes out",
        "",
        f"{platform.machine()} with {cpu()}, {platform.system()}, Python {platform.python_version()}, torch "
        f"{version('torch')}, torchvision {version('torchvision')}. "
        + ", ".join(
            f"{package} {found or 'not installed'}"
            for package, found in {one.package: one.installed for one in COUNTERS.values()}.items()
            if package != "torch"
        )
        + ".",
        "",
        "Networks are built from their YAML, in eval mode, without gradients, batch 1, unfused. Seconds are CPU "
        "seconds of one thread in a process of its own, in the steady state: after a first call, the median of calls "
        f"for {seconds:g} s, or a single call where one takes longer. The machine runs other things beside it and its "
        "frequency is not fixed, so that a difference of 10 % means nothing: our own rows before and after the peers' "
        "show how much it drifts. `FlopCounterMode, meta` is given a network that is on the meta device already; "
        "moving it there is not timed. Ours starts from the user's own network in every call.",
        "",
    ]
    if results.get("time"):
        lines += timing(results["time"], networks)
    if results.get("stock"):
        lines += stock(results["stock"])
    if results.get("probes"):
        lines += probed(results["probes"])
    lines += ["```", "python benchmarks/flops.py " + " ".join(sys.argv[1:]), "```", ""]
    return "\n".join(lines)


def cpu() -> str:
    """The processor's name, as Linux tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123  (a file without a size)
            return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "an unknown processor"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """Markdown, figures to the right."""
    head = list(head)
    body = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return ["| " + " | ".join(row) + " |" for row in body] + [""]


def timing(found: Mapping[str, list[Any]], networks: Mapping[str, int]) -> list[str]:
    """CPU time, memory, and what the first call costs."""
    head = ["", *(f"{name} {networks[name]}" for name in found)]
    rows = len(next(iter(found.values())))
    firsts = [counter for counter, _ in next(iter(found.values()))]
    names = [
        title(counter, index) if firsts.count("ours") > 1 else title(counter) for index, counter in enumerate(firsts)
    ]
    ours = {
        name: max((row["seconds"] for counter, row in cases if counter == "ours" and "seconds" in row), default=None)
        for name, cases in found.items()
    }

    def of(show: Callable[[str, dict[str, Any]], str]) -> list[str]:
        def cell(name: str, index: int) -> str:
            row = found[name][index][1]
            if "error" in row:
                return "not installed" if absent(row) else NOT_RUN if row["error"] == NOT_RUN else "fails"
            return show(name, row)

        return table(head, ([names[index], *(cell(name, index) for name in found)] for index in range(rows)))

    def milliseconds(name: str, row: dict[str, Any]) -> str:
        least = ours[name]
        return f"{1000 * row['seconds']:.1f}" + (f" ({row['seconds'] / least:.1f}×)" if least else "")

    failures = {
        f"- {title(counter)} on {name}: {row['error']}"
        for name, cases in found.items()
        for counter, row in cases
        if "error" in row and not absent(row) and row["error"] != NOT_RUN
    }
    return [
        "## CPU milliseconds a call",
        "",
        "In brackets over ours, the slower of its two runs. Counters that compute the forward pass need tens of "
        "seconds a call at 1280, and are run there with `--forward-at-1280` alone.",
        "",
        *of(milliseconds),
        *sorted(failures),
        *([""] if failures else []),
        "## Extra memory of a call, MB",
        "",
        "Peak of resident memory over what it was before the call.",
        "",
        *of(lambda name, row: f"{row['memory'] / 1e6:.1f}"),
        "## The first call, CPU seconds",
        "",
        "With what it imports and sets up; the network is built already.",
        "",
        *of(lambda name, row: f"{row['first']:.2f}"),
    ]


def title(counter: str, index: int | None = None) -> str:
    """A counter's name; ours is said to run before or after the peers."""
    shown = COUNTERS[counter].title
    return shown if counter != "ours" or index is None else f"{shown}, {'after' if index else 'before'}"


def stock(found: Mapping[str, Any]) -> list[str]:
    """How far each counter is off on the shipped networks."""
    exact = found["exact"]
    rows, failures = [], []
    for counter, figures in found.items():
        if counter == "exact":
            continue
        if not absent(figures):
            failures += [
                f"- {title(counter)}, {name}: {said}" for name, said in figures.items() if isinstance(said, str)
            ]
        if "error" in figures:
            rows.append([title(counter), "not installed" if absent(figures) else "fails", *[""] * len(exact)])
            continue
        right = sum(figures[name] == exact[name] for name in exact)
        rows.append([title(counter), f"{right} of {len(exact)}", *(off(figures[name], exact[name]) for name in exact)])
    gflops = ["exact GFLOPs", "", *(f"{2 * macs / 1e9:.3f}" for macs in exact.values())]
    return [
        "## Shipped networks",
        "",
        "Against 2 × the MACs of convolutions, linear layers, matrix products and attention at 640x640 (the classifier "
        "at 224x224): closed form, as FlopCounterMode gives it on meta tensors with the fused attention switched off. "
        "Some counters add normalisation, pooling or activations on purpose; that is a convention and shows as a few "
        "per cent. Of fvcore only the operators of the definition are summed.",
        "",
        *table(["", "exact", *exact], [gflops, *rows]),
        *failures,
        *([""] if failures else []),
    ]


def absent(row: Mapping[str, Any]) -> bool:
    """Whether a counter was not there to be asked."""
    return row.get("error") == "not installed"


def off(macs: Any, exact: float) -> str:
    """The deviation of a figure."""
    if isinstance(macs, str):
        return "fails"
    return "✓" if macs == exact else f"{100 * (macs / exact - 1):+.2g} %"


def probed(found: Mapping[str, Any]) -> list[str]:
    """How each counter does on the probes: in sum, and one by one."""
    judged: dict[str, list[str]] = {}
    errors = []
    for counter, figures in found.items():
        if "error" in figures:
            errors.append(f"- {title(counter)}: {figures['error']}")
            continue
        rows = [figures[probe.name] for probe in PROBES]
        judged[counter] = [
            verdict(probe, row["macs"], row.get("named", ()), NEAR) for probe, row in zip(PROBES, rows, strict=True)
        ]
    sums = ([title(counter), *(str(Tally(each)[word]) for word in VERDICTS)] for counter, each in judged.items())
    single = (
        [probe.name, "" if probe.macs is None else f"{probe.macs:,}", *(SIGNS[each[index]] for each in judged.values())]
        for index, probe in enumerate(PROBES)
    )
    return [
        f"## {len(PROBES)} probes",
        "",
        "Attention and odd operators on an image of 1x64x20x20 (`benchmarks/probes`), MACs by hand in closed form. "
        f"Exact; near: at most {100 * NEAR:g} % off, a convention that adds biases or a softmax; named: off, but an "
        "operator or module that multiplies is listed as not counted; wrong: off without a word; fails: an error. "
        "Ultralytics' `get_flops` gets each probe behind a stem of stride 32 at 640x640, as a block in a YOLO.",
        "",
        *table(["", *VERDICTS], sums),
        *errors,
        *([""] if errors else []),
        *table(["probe", "MACs", *(title(counter) for counter in judged)], single),
    ]
