"""``surgeon insert``."""

from __future__ import annotations

import click

from surgeon.cli.command import Command, ordered_words
from surgeon.cli.options import EditJob, block_option, editing, set_option


@click.command("insert", cls=Command)
@block_option
@click.option(
    "--after", multiple=True, expose_value=False, metavar="SITE", help="Every consumer of SITE reads the block instead."
)
@click.option(
    "--before",
    multiple=True,
    expose_value=False,
    metavar="SITE",
    help="Only what SITE reads changes; Detect:0 is one input of a row, 'Detect:*' each.",
)
@set_option
@click.option(
    "--start",
    multiple=True,
    expose_value=False,
    type=click.Choice(["identity", "paper"]),
    help="identity (default): the output stays equal until training opens the block. paper: the block as published.",
)
@editing
def command(*, job: EditJob) -> int:
    """Plant blocks into a network.

    MODEL is a .pt, a .yaml, or the name of a yaml that ships with Ultralytics; yolov8n.yaml if left out. Its file
    is never changed. A SITE is a row of `surgeon tree MODEL`: backbone.9, head.3, 15, -2, SPPF, 'C2f[2]', 'C2f[*]'.
    Writes a .pt and a .yaml, and ends with the comparison before and after.

    Example:
        surgeon insert --module gam --after backbone.9
        surgeon insert best.pt --module gam --after 9 --set rate=4 --module lska --before Detect:0
    """
    from surgeon.cli.editing import carry_out
    from surgeon.cli.edits import inserts

    return carry_out(inserts(ordered_words()), job)
