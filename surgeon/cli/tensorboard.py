"""``--tensorboard DIR`` of the commands that measure."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from surgeon.cli.talk import Talk

if TYPE_CHECKING:
    from surgeon.profiler.results import Comparison, ProfileResult

tensorboard_option = click.option(
    "--tensorboard", metavar="DIR", help="Write figures and report where tensorboard --logdir DIR finds them, too."
)


def require_tensorboard(folder: str | None) -> None:
    """Refuse before anything is measured; nothing where the option was not given.

    Raises:
        MissingDependencyError: TensorBoard is not installed.
        OutputError: The folder is a file.
    """
    from surgeon import workflows

    if folder is not None:
        workflows.require_tensorboard(Path(folder))


def write_tensorboard(folder: str | None, results: Iterable[ProfileResult | Comparison], talk: Talk) -> None:
    """Write results; nothing where the option was not given.

    Raises:
        OutputError: The folder cannot be written to.
    """
    from surgeon import workflows

    if folder is None:
        return
    for result in results:
        for path in workflows.to_tensorboard(Path(folder), result):
            talk.say(f"wrote {path}")
