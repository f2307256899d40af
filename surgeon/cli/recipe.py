"""``surgeon recipe``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from surgeon.cli.command import Command
from surgeon.cli.completing import ModelName
from surgeon.cli.options import Trust, talking, trusting
from surgeon.cli.talk import Talk
from surgeon.errors import OutputError

if TYPE_CHECKING:
    from surgeon.models.opened import OpenedModel


@click.command("recipe", cls=Command)
@click.argument("model", required=False, type=ModelName(), metavar="[MODEL]")
@click.option("--out", metavar="FILE", help="Where to write; by default the recipe is printed.")
@click.option("--force", is_flag=True, help="Replace an existing --out file.")
@click.option("--schema", is_flag=True, help="Print the JSON schema of recipes (draft 2020-12) instead.")
@trusting
@talking
def command(*, model: str | None, out: str | None, force: bool, schema: bool, trust: Trust, talk: Talk) -> None:
    """Extract the recipe of a network that surgeon has edited.

    `surgeon apply` carries it out again, on another scale or family. A network that was edited several times has one
    recipe for each edit, all in one file.

    Example:
        surgeon recipe best-gam.pt --out recipe.yaml
        surgeon apply recipe.yaml yolo11.yaml --scale s
    """
    from surgeon.surgery.recipe_file import schema_text

    if schema == (model is not None):
        raise click.UsageError("name a MODEL that surgeon has edited, or give --schema", click.get_current_context())
    if model is None:
        _emit(schema_text(), out, force=force)
        return
    _require_free(out, model, force=force)
    with talk.working():
        from surgeon.cli.opening import open_models

        text = _text(open_models([model], trust)[0])
    _emit(text, out, force=force)


def _text(opened: OpenedModel) -> str:
    from surgeon import workflows
    from surgeon.surgery.recipe_file import to_yaml

    recipes = workflows.recipes(opened)
    first = workflows.history(opened)[0]
    comments = [f"The edits of {Path(opened.source).name}, which was made from {Path(first.source).name}."]
    if len(recipes) > 1:
        comments += [
            f"{len(recipes)} recipes, carried out one after the other: the sites of each count in the numbering of",
            "the network as the one before has left it.",
        ]
    return to_yaml(recipes, comments)


def _require_free(out: str | None, model: str, *, force: bool) -> None:
    if out is None:
        return
    path = Path(out)
    if path.is_dir() or (path.exists() and Path(model).exists() and path.samefile(model)):
        raise OutputError(f"--out {path} is a folder or the model itself; choose another --out FILE")
    if not path.parent.is_dir():
        raise OutputError(f"there is no folder {path.parent} to write {path.name} into; choose another --out FILE")
    if path.exists() and not force:
        raise OutputError(f"{path} exists; choose another --out FILE, or replace it with --force")


def _emit(text: str, out: str | None, *, force: bool) -> None:
    if out is None:
        click.echo(text, nl=False)
        return
    _require_free(out, "", force=force)
    from surgeon.report.writing import write_whole

    write_whole(Path(out), lambda path: path.write_text(text, encoding="utf-8"), "--out")
    click.echo(f"wrote {out}", err=True)
