"""``surgeon remove``."""

from __future__ import annotations

import dataclasses

import click

from surgeon.cli.command import Command, ordered_words
from surgeon.cli.completing import SiteName
from surgeon.cli.options import EditJob, adapt_option, edit_option, editing, mode_option


@click.command("remove", cls=Command)
@edit_option("--at", type=SiteName(), metavar="SITE", help="The row to take out. Repeatable.")
@adapt_option
@mode_option
@editing
def command(*, adapt: bool, mode: str, job: EditJob) -> int:
    """Take rows out of a network.

    The consumers of a row read its single input instead, so only rows that keep channels and resolution can go; with
    --adapt, the channels may change. All sites count in the source's numbering. MODEL, SITE and the files written are
    as for `surgeon insert`.

    Example:
        surgeon remove yolo11n.pt --at C2PSA
        surgeon remove --at head.2 --adapt
    """
    from surgeon.cli.editing import carry_out
    from surgeon.cli.edits import removals

    recipe = dataclasses.replace(removals(ordered_words()), mode=mode, adapt=adapt)
    return carry_out(recipe, job)
