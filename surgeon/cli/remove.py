"""``surgeon remove``."""

from __future__ import annotations

import click

from surgeon.cli.command import Command, ordered_words
from surgeon.cli.options import EditJob, editing


@click.command("remove", cls=Command)
@click.option("--at", multiple=True, expose_value=False, metavar="SITE", help="The row to take out. Repeatable.")
@editing
def command(*, job: EditJob) -> int:
    """Take rows out of a network.

    The consumers of a row read its single input instead, so only rows that keep channels and resolution can go. All
    sites count in the source's numbering. MODEL, SITE and the files written are as for `surgeon insert`.

    Example:
        surgeon remove yolo11n.pt --at C2PSA
    """
    from surgeon.cli.editing import carry_out
    from surgeon.cli.edits import removals

    return carry_out(removals(ordered_words()), job)
