"""``surgeon replace``."""

from __future__ import annotations

import click

from surgeon.cli.command import Command, ordered_words
from surgeon.cli.options import EditJob, block_option, editing, set_option


@click.command("replace", cls=Command)
@click.option("--at", multiple=True, expose_value=False, metavar="SITE", help="The row that the block stands in for.")
@block_option
@set_option
@click.option(
    "--start",
    multiple=True,
    expose_value=False,
    type=click.Choice(["paper", "identity"]),
    help="Replacements are paper: the block as published.",
)
@editing
def command(*, job: EditJob) -> int:
    """Put blocks in the place of rows.

    The whole row goes; its inputs and consumers stay. The report says how far the output moved. MODEL, SITE and the
    files written are as for `surgeon insert`.

    Example:
        surgeon replace best.pt --at SPPF --module lska
    """
    from surgeon.cli.editing import carry_out
    from surgeon.cli.edits import replacements

    return carry_out(replacements(ordered_words()), job)
