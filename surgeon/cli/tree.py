"""``surgeon tree``."""

from __future__ import annotations

import click

from surgeon.cli.command import Command
from surgeon.cli.options import Saving, Trust, model_argument, saving, talking, trusting
from surgeon.cli.talk import Talk
from surgeon.cli.values import Size, Sizes


@click.command("tree", cls=Command)
@model_argument
@click.option(
    "--imgsz",
    type=Sizes(),
    default="640",
    show_default=True,
    metavar="SIZE",
    help="Size at which shapes are shown: side, or HEIGHTxWIDTH.",
)
@click.option(
    "--depth",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Show N levels of modules inside the rows too; their sites can be edited as well.",
)
@saving
@trusting
@talking
def command(*, model: str, imgsz: tuple[Size, ...], depth: int, saving: Saving, trust: Trust, talk: Talk) -> None:
    """List every site of a network.

    Shows each row's address, kind, inputs, output shape and parameters. MODEL is yolov8n.yaml if left out.

    Example:
        surgeon tree yolo11n.yaml --imgsz 480x640
        surgeon tree yolo11n.yaml --depth 2
    """
    from surgeon.cli.emit import emit_data
    from surgeon.cli.opening import open_models

    if len(imgsz) > 1:
        raise click.UsageError("--imgsz takes one size here")
    saving.require_free(model)
    with talk.working():
        from surgeon import workflows

        opened = open_models([model], trust)[0]
        graph = workflows.tree(opened, imgsz[0])
        modules = workflows.modules(opened, imgsz[0], graph) if depth else None
    from surgeon.report.formats.machine import tree_data
    from surgeon.report.listing import tree_table

    emit_data(tree_table(graph, modules, depth), tree_data(graph, modules, depth), saving.json)
