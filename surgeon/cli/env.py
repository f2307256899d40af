"""``surgeon env``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from surgeon.cli.command import Command
from surgeon.cli.options import Saving, saving, talking
from surgeon.cli.talk import Talk

if TYPE_CHECKING:
    from surgeon.profiler.results import Environment


@click.command("env", cls=Command)
@saving
@talking
def command(*, saving: Saving, talk: Talk) -> None:
    """Show the versions and the machine, for a report.

    Example:
        surgeon env --json -
    """
    import dataclasses
    import sys

    from surgeon.cli import start_up
    from surgeon.cli.emit import emit_data
    from surgeon.report.tables import Document, Facts

    saving.require_free()
    with talk.working():
        environment = _environment()
    autoload = "enabled" if start_up.enabled() else "disabled"
    data = {
        "schema_version": 1,
        "kind": "environment",
        **dataclasses.asdict(environment),
        "executable": sys.executable,
        "autoload": autoload,
    }
    quota = "" if environment.cpu_quota is None else f", {environment.cpu_quota:g} granted by the cgroup"
    facts = [
        *environment.packages.items(),
        ("python", f"{environment.python} ({sys.executable})"),
        ("platform", environment.platform),
        ("cpu", f"{environment.cpu}, {environment.cpus} usable{quota}"),
        ("gpu", environment.gpu or "none that PyTorch sees"),
        ("autoload", autoload),
    ]
    emit_data(Document(title="surgeon", lines=(), parts=(Facts(title="", items=tuple(facts)),)), data, saving.json)


def _environment() -> Environment:
    import torch

    from surgeon.profiler.environment import read_environment

    return read_environment("cuda" if torch.cuda.is_available() else "cpu")
