"""``surgeon undo``."""

from __future__ import annotations

import click

from surgeon.cli.command import Command
from surgeon.cli.completing import ModelName
from surgeon.cli.options import Saving, Trust, talking, trusting
from surgeon.cli.talk import Talk
from surgeon.progress import begin


@click.command("undo", cls=Command)
@click.argument("model", type=ModelName(), metavar="MODEL")
@click.option(
    "--out", metavar="FILE.pt", help="Where to write; by default <model>-undone.pt here, the next free number."
)
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="How many edits, the last first; 1 by default.")
@click.option("--all", "all_edits", is_flag=True, help="Every edit that MODEL records.")
@click.option(
    "--source",
    metavar="FILE",
    help="What MODEL was made from, where an edit dropped tensors and it is not beside MODEL or here.",
)
@click.option("--force", is_flag=True, help="Replace --out and --json.")
@click.option("--json", metavar="FILE", help="Write the result as JSON; - for standard output, alone there.")
@trusting
@talking
def command(
    *,
    model: str,
    out: str | None,
    steps: int | None,
    all_edits: bool,
    source: str | None,
    force: bool,
    json: str | None,
    trust: Trust,
    talk: Talk,
) -> None:
    """Take the last edit of a network back.

    Where nothing was trained since, the result equals the network before the edit byte for byte: tensors and yaml.
    Where something was, the blocks go and the trained weights stay. Tensors that a replacement or removal dropped come
    from the file that MODEL was made from. MODEL itself is not changed.

    Example:
        surgeon undo best-gam.pt
        surgeon undo best-lska.pt --source best.pt --out best-again.pt
    """
    from surgeon import workflows
    from surgeon.cli.emit import emit_data
    from surgeon.cli.opening import open_models

    if all_edits and steps is not None:
        raise click.UsageError("give --steps N or --all, not both", click.get_current_context())
    Saving(json=json, force=force).require_free(model)
    with talk.working():
        opened = open_models([model], trust)[0]
        workflows.require_output(opened, f"{opened.name}-undone", out, force=force)
        begin(f"undoing the edit of {opened.name}", early=True)
        result = workflows.undo(
            opened,
            steps=None if all_edits else steps or 1,
            source=source,
            trust=trust.trust,
            trust_modules=trust.trust_modules,
        )
        paths = workflows.save_undone(result, out, force=force)
        talk.say(f"wrote {' and '.join(map(str, paths))}")
        from surgeon.cli.undo_report import report_of
        from surgeon.report.undo import undo_data, undo_document

        report = report_of(result, paths)
    emit_data(undo_document(report), undo_data(report), json)
