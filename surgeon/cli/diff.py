"""``surgeon diff``."""

from __future__ import annotations

import click

from surgeon.cli.command import Command
from surgeon.cli.completing import ModelName
from surgeon.cli.options import Trust, talking, trusting
from surgeon.cli.reporting import Reporting, reporting
from surgeon.cli.talk import Talk
from surgeon.cli.values import Size, Sizes
from surgeon.progress import begin


@click.command("diff", cls=Command)
@click.argument("a", type=ModelName(), metavar="A")
@click.argument("b", type=ModelName(), metavar="B")
@click.option(
    "--imgsz",
    type=Sizes(),
    default="640",
    show_default=True,
    metavar="SIZE",
    help="Size at which shapes and GFLOPs are taken: side, or HEIGHTxWIDTH.",
)
@click.option("--exit-code", is_flag=True, help="Return 1 if they differ, as git diff --exit-code does.")
@click.option("--all", "all_rows", is_flag=True, help="Show every row, not only those that differ.")
@reporting
@trusting
@talking
def command(
    *,
    a: str,
    b: str,
    imgsz: tuple[Size, ...],
    exit_code: bool,
    all_rows: bool,
    reporting: Reporting,
    trust: Trust,
    talk: Talk,
) -> int:
    """Show how two networks differ.

    Rows, tensors, yaml and figures; nothing is timed, see `surgeon compare`. Where surgeon's record tells that one was
    made from the other, rows and tensors are matched by it, elsewhere by kind, shape and position.

    Example:
        surgeon diff best.pt best-gam.pt
        surgeon diff best.pt best-gam.pt -o diff.md
        surgeon diff best-gam.pt runs/detect/train/weights/best.pt --exit-code
    """
    from surgeon import workflows
    from surgeon.cli.emit import emit_report
    from surgeon.cli.opening import open_models
    from surgeon.report.report import Report

    if len(imgsz) > 1:
        raise click.UsageError("--imgsz takes one size here")
    reporting.require(a, b, kinds=["diff"])
    with talk.working():
        first, second = open_models([a, b], trust)
        begin(f"comparing {first.name} with {second.name}", early=True)
        found = workflows.diff(first, second, imgsz[0])
    emit_report(Report(results=(found,), all_rows=all_rows), reporting)
    return int(exit_code and found.differ)
