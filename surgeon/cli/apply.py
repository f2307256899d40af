"""``surgeon apply``."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import click

from surgeon.cli.command import Command
from surgeon.cli.options import EditJob, editing
from surgeon.errors import ModelFileError
from surgeon.surgery.recipe import MODES

_FAMILY = re.compile(r"^(yolo(?:e-)?v?\d+)([a-z]?)(?![a-z0-9])(.*)$")


@click.command("apply", cls=Command)
@click.argument("recipe", metavar="RECIPE")
@click.option("--mode", type=click.Choice(MODES), help="Instead of the recipe's own mode: see surgeon insert --help.")
@click.option("--scale", metavar="LETTER", help="Scale of a MODEL that is a yaml: yolo11.yaml --scale s.")
@editing
def command(*, recipe: str, mode: str | None, scale: str | None, job: EditJob) -> int:
    """Carry out the edits of a recipe file.

    A recipe replays on another scale or family. It is plain YAML; a class of your own that it names is imported only
    with --trust-module. Several recipes in one file, as `surgeon recipe` writes them, are carried out one after the
    other. MODEL and the files written are as for `surgeon insert`.

    Example:
        surgeon apply recipe.yaml yolo11.yaml --scale s

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

    recipes = load_recipes(recipe)
    for one in recipes:
        require_consent(one, recipe, job.trust.trust_modules)
    if mode is not None:
        recipes = tuple(replace(one, mode=mode) for one in recipes)
    if scale is not None:
        job = replace(job, model=scaled(job.model, scale))
    return carry_out(recipes[0] if len(recipes) == 1 else recipes, job)


def scaled(model: str, scale: str) -> str:
    """The name of a YAML at a scale: ``yolo11.yaml`` and ``s`` make ``yolo11s.yaml``.

    Raises:
        ModelFileError: The model has one scale, which its name does not choose.
    """
    path = Path(model)
    if path.suffix.lower() == ".pt":
        raise ModelFileError(f"{model} is a checkpoint, whose weights have one scale: leave --scale {scale} out")
    found = _FAMILY.match(path.name)
    if found is None:
        raise ModelFileError(
            f"--scale {scale} does not fit {model}: Ultralytics reads the scale from names such as yolo11{scale}.yaml; "
            "give the model by its full name"
        )
    stem, named, rest = found.groups()
    if named and named != scale:
        raise ModelFileError(f"{model} is scale {named} by its name: leave --scale {scale} out, or give {stem}{rest}")
    return str(path.with_name(f"{stem}{scale}{rest}"))
