"""``surgeon replace``."""

from __future__ import annotations

import dataclasses

import click

from surgeon.cli.command import Command, ordered_words
from surgeon.cli.completing import SiteName
from surgeon.cli.options import EditJob, adapt_option, block_option, edit_option, editing, mode_option, set_option


@click.command("replace", cls=Command)
@edit_option(
    "--at",
    type=SiteName(),
    metavar="SITE",
    help="The row that the block stands in for.",
)
@block_option
@set_option
@edit_option(
    "--start",
    type=click.Choice(["paper", "identity"]),
    help="Replacements are paper: the block as published.",
)
@adapt_option
@mode_option
@editing
def command(*, adapt: bool, mode: str, job: EditJob) -> int:
    """Put blocks in the place of rows.

    The whole row goes; its inputs and consumers stay. The report says how far the output moved. MODEL, SITE and the
    files written are as for `surgeon insert`. What changes the resolution is replaced by a block that does the same,
    of the kind upsampling or convolution or a class of your own; what reads several rows by a class of your own with
    takes_list = True.

    Example:
        surgeon replace best.pt --at SPPF --module lska
        surgeon replace --at head.2 --module mhsa --adapt
        surgeon replace --at 'Upsample[0]' --module my_package.blocks:MyUpsample
    """
    from surgeon.cli.editing import carry_out
    from surgeon.cli.edits import replacements

    recipe = dataclasses.replace(replacements(ordered_words()), mode=mode, adapt=adapt)
    return carry_out(recipe, job)
