"""The options of ``surgeon check``: a budget on the command line, and what goes before the budgets of a file.

A limit given here takes the place of the same limit in the file. What the environment or a ``[check]`` table says goes
before defaults only: a budget's own value is the more particular one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from surgeon.cli.completing import ModelName
from surgeon.cli.values import Seconds
from surgeon.errors import BudgetError
from surgeon.gate.budget import CONVENTIONS, ON_INCONCLUSIVE, Budget, limit_keys
from surgeon.gate.budget_file import find_budgets, load_budgets
from surgeon.gate.budget_of import KEYS, Given, budget_of

NAMES = {key.replace("-", "_"): key for key in KEYS if key not in ("name", "glob")}
"""Parameter of an option to key of a budget."""

_HELP = {
    "max-flops": "FLOPs, as --convention counts them: 9.2G.",
    "max-macs": "MACs of one forward pass: 4.6G.",
    "max-params": "Parameters: 3.5M.",
    "max-memory": "Weights and peak activations of one forward pass: 40MiB.",
    "max-flops-ratio": "FLOPs, model / baseline: 1.05 or +5%.",
    "max-macs-ratio": "MACs, model / baseline.",
    "max-params-ratio": "Parameters, model / baseline.",
    "max-memory-ratio": "Memory, model / baseline.",
    "max-latency-ratio": "Time, model / baseline, taken in pairs in this process. The only limit that is timed.",
}


def gate_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options; their values arrive as they were given, for `Given`."""
    options = [
        click.option(
            "--budget",
            type=click.Path(),
            metavar="FILE",
            help="TOML file; surgeon.toml or pyproject.toml here if left out.",
        ),
        *(click.option(f"--{key}", metavar="LIMIT", help=_HELP[key]) for key in limit_keys()),
        click.option(
            "--baseline",
            type=ModelName(),
            metavar="MODEL",
            help="What ratios refer to; for exact figures a saved .json too.",
        ),
        click.option(
            "--convention",
            type=click.Choice(CONVENTIONS),
            metavar="NAME",
            help=f"How FLOPs count: {', '.join(CONVENTIONS)}.",
        ),
        click.option("--imgsz", metavar="SIZE", help="Side, or HEIGHTxWIDTH; 640 if left out."),
        click.option("--batch", metavar="N", help="Batch size; 1 if left out."),
        click.option("--device", metavar="DEVICE", help="cpu, cuda, cuda:0 or 0."),
        click.option("--half", is_flag=True, default=None, help="Measure in float16."),
        click.option("--threads", metavar="N", help="CPU threads while timing; 1 if left out."),
        click.option("--time-budget", type=Seconds(), metavar="SECONDS", help="Of timing, for each pair; 10."),
        click.option("--confidence", metavar="SHARE", help="Of a latency's interval; 0.95."),
        click.option(
            "--on-inconclusive",
            type=click.Choice(ON_INCONCLUSIVE),
            metavar="WORD",
            help=f"{', '.join(ON_INCONCLUSIVE)}: what a latency that cannot be told means; warn if left out.",
        ),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def budgets_of(path: str | None, over: Mapping[str, Given], under: Mapping[str, Given]) -> list[tuple[Budget, Path]]:
    """The budgets of a file, or the one that the options state.

    Args:
        path: The file as it was named, None to look for one.
        over: Values that go before those of the file.
        under: Values for what the file leaves open.

    Returns:
        Each budget with the folder that its globs and its baseline are relative to.

    Raises:
        BudgetError: There is no budget, or one is none.
        InputError: A file is no TOML.
    """
    file = find_budgets(Path()) if path is None else Path(path)
    limits = any(key in over for key in limit_keys())
    if file is None and not limits and not any(key in under for key in limit_keys()):
        raise BudgetError(
            "there is no budget: give a limit such as --max-flops 9.2G, a --budget FILE, or put a [[budget]] into "
            "surgeon.toml"
        )
    if file is None or (path is None and limits):
        return [(budget_of({**under, **over}, name="command line", where="the command line"), Path())]
    tables = load_budgets(file)
    with_ratio = [any(key.endswith("-ratio") for key in {**table.given, **over}) for table in tables]
    if "baseline" in over and not any(with_ratio):
        raise BudgetError(
            f"{over['baseline'].where}: no limit of {file} refers to a baseline; add one such as max-flops-ratio"
        )
    without = {key: value for key, value in over.items() if key != "baseline"}
    return [
        (table.budget(over if ratio else without, under), table.folder)
        for table, ratio in zip(tables, with_ratio, strict=True)
    ]
