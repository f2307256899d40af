"""How long does ``--help`` take? Every command of surgeon beside Python alone, ``yolo help`` and the imports that cost.

    python benchmarks/start_up.py --out docs/benchmarks-start-up.md

Each case runs in a fresh process, the cases of a round in random order; figures are medians over the rounds. On a
machine that others use, the CPU time tells more than the wall time.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

import click
from page_file import finish

from surgeon.cli.main import cli

BIN = Path(sys.executable).parent
LIMIT_S = 0.2
CACHED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""The environment, in which the first round leaves the bytecode that an installation has from the beginning."""


def cases() -> dict[str, list[str]]:
    """Name and words of each process; Python alone is the ratios' denominator."""
    names = ["", *cli.list_commands(click.Context(cli))]
    ours = {" ".join(["surgeon", *filter(None, [name]), "--help"]): name for name in names}
    return {
        "python -c pass": [sys.executable, "-c", "pass"],
        **{shown: [str(BIN / "surgeon"), *filter(None, [name]), "--help"] for shown, name in ours.items()},
        'python -c "import surgeon"': [sys.executable, "-c", "import surgeon"],
        'python -c "import torch"': [sys.executable, "-c", "import torch"],
        "yolo help": [str(BIN / "yolo"), "help"],
    }


def seconds(words: list[str]) -> tuple[float, float]:
    """Wall time and CPU time of one process."""
    start = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=CACHED)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(words)} ended with {process.returncode}")
    return time.perf_counter() - start, used.ru_utime + used.ru_stime


def main() -> None:
    """Run all cases in rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    wanted = cases()
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in wanted}
    for round_ in range(options.rounds + 1):  # the first warms the file cache and does not count
        for name in random.Random(round_).sample(list(wanted), len(wanted)):
            took = seconds(wanted[name])
            if round_:
                times[name].append(took)
    wall = {name: statistics.median(one for one, _ in found) for name, found in times.items()}
    cpu = {name: statistics.median(one for _, one in found) for name, found in times.items()}
    helps = [name for name in wanted if name.endswith("--help")]
    lines = [
        "# Start-up of the command line",
        "",
        f"Fresh processes in random order, medians of {options.rounds}. The slowest `--help` takes "
        f"{1000 * max(wall[name] for name in helps):.0f} ms, {1000 * max(cpu[name] for name in helps):.0f} ms of CPU; "
        f"the limit is {1000 * LIMIT_S:.0f} ms.",
        "",
        "| command | ms | ms of CPU | CPU over Python alone |",
        "|---|--:|--:|--:|",
    ]
    for name in wanted:
        ratio = cpu[name] / cpu["python -c pass"]
        lines.append(f"| `{name}` | {1000 * wall[name]:.0f} | {1000 * cpu[name]:.0f} | {ratio:.1f}x |")
    finish(lines, __file__, options.out)


if __name__ == "__main__":
    main()
