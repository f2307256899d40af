"""``surgeon insert``."""

from __future__ import annotations

from dataclasses import replace

import click

from surgeon.cli.command import Command, ordered_words
from surgeon.cli.completing import KindName, SiteName
from surgeon.cli.options import EditJob, block_option, edit_option, editing, mode_option, set_option


@click.command("insert", cls=Command)
@block_option
@edit_option(
    "--after",
    type=SiteName(),
    metavar="SITE",
    help="Every consumer of SITE reads the block instead.",
)
@edit_option(
    "--before",
    type=SiteName(),
    metavar="SITE",
    help="Only what SITE reads changes; Detect:0 is one input of a row, 'Detect:*' each.",
)
@edit_option(
    "--edge",
    metavar="'FROM->TO'",
    help="Only the connection from row FROM to row TO, which must read it: '9->20', 'SPPF->Upsample[0]'.",
)
@edit_option(
    "--between",
    nargs=2,
    type=SiteName(),
    metavar="FROM TO",
    help="The same as --edge, without an arrow to quote.",
)
@edit_option(
    "--inside",
    type=KindName(),
    metavar="KIND",
    help="In every module of this kind, where the articles put it: C2f, C3k2, SPPF.",
)
@set_option
@edit_option(
    "--start",
    type=click.Choice(["identity", "paper"]),
    help="identity (default): the output stays equal until training opens the block. paper: the block as published.",
)
@mode_option
@editing
def command(*, mode: str, job: EditJob) -> int:
    """Plant blocks into a network.

    MODEL is a .pt, a .yaml, or the name of a yaml that ships with Ultralytics; yolov8n.yaml if left out. Its file
    is never changed. A SITE is a row of `surgeon tree MODEL`: backbone.9, head.3, 15, -2, SPPF, 'C2f[2]', 'C2f[*]'.
    Writes a .pt and a .yaml, and ends with the comparison before and after.

    Example:
        surgeon insert --module gam --after backbone.9
        surgeon insert best.pt --module gam --after 9 --set rate=4 --module lska --before Detect:0
        surgeon insert --module lska --edge 'SPPF->Upsample[0]'
    """
    from surgeon.cli.editing import carry_out
    from surgeon.cli.edits import inserts

    return carry_out(replace(inserts(ordered_words()), mode=mode), job)
