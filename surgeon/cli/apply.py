"""``surgeon apply``."""

from __future__ import annotations

from dataclasses import replace

import click

from surgeon.cli.command import Command
from surgeon.cli.options import EditJob, editing
from surgeon.surgery.recipe import MODES


@click.command("apply", cls=Command)
@click.argument("recipe", metavar="RECIPE")
@click.option("--mode", type=click.Choice(MODES), help="Instead of the recipe's own mode: see surgeon insert --help.")
@editing
def command(*, recipe: str, mode: str | None, job: EditJob) -> int:
    """Carry out the edits of a recipe file.

    A recipe replays on another scale or family. It is plain YAML; a class of your own that it names is imported only
    with --trust-module. MODEL and the files written are as for `surgeon insert`.

    Example:
        surgeon apply recipe.yaml yolo11s.yaml

    A recipe:
        surgeon_recipe: 1
        edits:
          - insert: gam
            after: backbone.9
            set: {rate: 4}
          - remove: head.2
    """
    from surgeon.cli.editing import carry_out
    from surgeon.surgery.consent import require_consent
    from surgeon.surgery.recipe_file import load_recipes

    loaded = load_recipes(recipe)[0]
    require_consent(loaded, recipe, job.trust.trust_modules)
    return carry_out(loaded if mode is None else replace(loaded, mode=mode), job)
