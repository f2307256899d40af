"""The options of ``surgeon check``: a budget on the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from surgeon.cli.completing import ModelName
from surgeon.cli.values import Seconds
from surgeon.gate.budget import CONVENTIONS, ON_INCONCLUSIVE, limit_keys
from surgeon.gate.budget_of import KEYS

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
