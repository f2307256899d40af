"""``surgeon env``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from surgeon.cli.command import Command
from surgeon.cli.options import Saving, saving, talking
from surgeon.cli.talk import Talk

if TYPE_CHECKING:
    from surgeon.profiler.fingerprint.data import Environment


@click.command("env", cls=Command)
@saving
@talking
def command(*, saving: Saving, talk: Talk) -> None:
    """Show the versions and the machine, for a report.

    Software, processor, container limits, GPU, and the state that a measurement would begin in now: load, clock
    governor, throttling, power supply. What would disturb it is said at the end. Reads only; what the machine hides
    is "not exposed".

    Example:
        surgeon env --json -
    """
    import dataclasses
    import sys

    from surgeon.cli import start_up
    from surgeon.cli.emit import emit_data
    from surgeon.profiler.fingerprint.hazards import hazards
    from surgeon.profiler.settings import ProfileSettings
    from surgeon.report.environment import environment_document

    saving.require_free()
    with talk.working():
        environment = _environment()
    found = hazards(environment, ProfileSettings(device="cpu" if environment.gpu is None else "cuda"))
    autoload = "enabled" if start_up.enabled() else "disabled"
    data = {
        "schema_version": 1,
        "kind": "environment",
        **dataclasses.asdict(environment),
        "hazards": list(found),
        "executable": sys.executable,
        "autoload": autoload,
    }
    extra = (("executable", sys.executable), ("autoload", autoload))
    emit_data(environment_document(environment, extra, found), data, saving.json)


def _environment() -> Environment:
    import dataclasses

    import torch

    from surgeon.profiler.environment import machine_state, read_environment

    device = "cuda" if torch.cuda.is_available() else "cpu"
    return dataclasses.replace(read_environment(device), before=machine_state(device))
