"""Options that several commands share: the model, its trust, what is written and shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from surgeon.cli.bundle import Decorator, Function, together
from surgeon.cli.completing import DEFAULT_MODEL, ModelName
from surgeon.cli.measuring import Measuring, measuring
from surgeon.cli.roof_options import UnderRoof, roofing
from surgeon.cli.talk import Talk
from surgeon.cli.values import BlockName
from surgeon.errors import OutputError
from surgeon.surgery.recipe import MODES

STDOUT = "-"
"""As the --json file: standard output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What the user vouched for."""

    trust: bool
    trust_modules: tuple[str, ...]

    def words(self) -> list[str]:
        """The same as words of a command line."""
        named = [word for name in self.trust_modules for word in ("--trust-module", name)]
        return [*named, *(["--trust"] if self.trust else [])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """Where an edit goes."""

    out: str | None
    force: bool
    dry_run: bool
    checks: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """Where the JSON of a result goes."""

    json: str | None
    force: bool

    def require_free(self, *sources: str) -> None:
        """Refuse a file that is in the way, before anything is spent.

        Raises:
            OutputError: It exists, is one of the models, or has no folder.
        """
        if self.json is not None and self.json != STDOUT:
            require_free_file(self.json, "--json", sources, force=self.force)


def require_free_file(name: str, option: str, sources: Iterable[str], *, force: bool) -> None:
    """Refuse a file that is in the way.

    Args:
        name: The file.
        option: What named it.
        sources: Files that are never written over.
        force: Whether it may replace another file.

    Raises:
        OutputError: It exists, is one of the sources, or has no folder.
    """
    path = Path(name)
    if path.suffix.lower() in (".pt", ".yaml", ".yml"):
        raise OutputError(f"{option} {path}: that is the name of a model or a recipe; name it {path.stem}.json")
    if not path.parent.is_dir():
        raise OutputError(f"there is no folder {path.parent} to write {path.name} into; choose another {option} FILE")
    if path.is_dir() or any(path.exists() and Path(s).exists() and path.samefile(s) for s in sources):
        raise OutputError(f"{option} {path} is a folder or the model itself; choose another {option} FILE")
    if path.exists() and not force:
        raise OutputError(f"{path} exists; choose another {option} FILE, or replace it with --force")


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """How the result is shown."""

    json: str | None
    report: str | None
    format: str | None
    all_rows: bool


model_argument = click.argument("model", default=DEFAULT_MODEL, type=ModelName(), metavar="[MODEL]")
required_model_argument = click.argument("model", type=ModelName(), metavar="MODEL")


def edit_option(*names: str, **settings: Any) -> Decorator:
    """An option that describes an edit: repeatable, and read by its place among the others (`ordered_words`)."""
    return click.option(*names, multiple=True, expose_value=False, **settings)


block_option = edit_option(
    "--module",
    type=BlockName(),
    metavar="NAME",
    help="A block of `surgeon blocks`, or package.module:Class of your own. Each --module begins an edit.",
)
set_option = edit_option(
    "--set",
    metavar="KEY=VALUE",
    help="A setting of the block before it, typed as YAML; one a --set.",
)

mode_option = click.option(
    "--mode",
    type=click.Choice(MODES),
    default="auto",
    show_default=True,
    help="row: a block becomes a row of its own. graft: it is planted inside the module at the site, and no row moves. "
    "auto: rows, and grafts where there are none.",
)
adapt_option = click.option(
    "--adapt", is_flag=True, help="Where the width changes, let a 1x1 convolution adapt it; the report shows it."
)

trusting = together(
    "trust",
    Trust,
    click.option(
        "--trust-module",
        "trust_modules",
        multiple=True,
        metavar="PACKAGE",
        help="Import this package where a file names its classes. Repeatable.",
    ),
    click.option(
        "--trust",
        is_flag=True,
        help="Last resort: unpickle the .pt without limits, which runs whatever code it holds.",
    ),
)

writing = together(
    "writing",
    Writing,
    click.option(
        "--out", metavar="FILE.pt", help="Where to write; by default <source>-<block>.pt here, the next free number."
    ),
    click.option(
        "--force",
        is_flag=True,
        help="Replace --out, --json and --report; edit a checkpoint that its own yaml cannot rebuild.",
    ),
    click.option("--dry-run", is_flag=True, help="Print the plan and write nothing."),
    click.option(
        "--checks",
        type=click.Choice(["fast", "full"]),
        default="fast",
        show_default=True,
        help="What is verified before anything is written; full adds larger sizes, training mode, undo, a fresh "
        "process, fusion and ONNX, and takes ten seconds and more.",
    ),
)

showing = together(
    "showing",
    Showing,
    click.option("--json", metavar="FILE", help="Write the result as JSON; - for standard output, alone there."),
    click.option(
        "--report",
        metavar="FILE",
        help="Write the report to a file too, in the format of its suffix: .html .md .tex ...",
    ),
    click.option("--format", metavar="NAME", help="The format of --report; alone, that of standard output."),
    click.option("--all", "all_rows", is_flag=True, help="Show every row, not only those that changed."),
)

saving = together(
    "saving",
    Saving,
    click.option("--json", metavar="FILE", help="Write the result as JSON; - for standard output, alone there."),
    click.option("--force", is_flag=True, help="Replace an existing --json file."),
)

QUIET = "surgeon.quiet"
"""Where the context of a command keeps ``--quiet``."""


def _keep_quiet(context: click.Context, _: click.Parameter, value: bool) -> bool:
    context.meta[QUIET] = value
    return value


talking = together(
    "talk",
    Talk,
    click.option("-q", "--quiet", is_flag=True, callback=_keep_quiet, help="No progress on stderr."),
    click.option("-v", "--verbose", is_flag=True, help="Let warnings and Ultralytics' own log through to stderr."),
)


def saying_nothing(function: Function) -> Function:
    """``-q`` and ``-v`` where little but the result is said anyway: scripts may give them to every command."""
    verbose = click.option(
        "-v", "--verbose", is_flag=True, expose_value=False, help="As everywhere; there is no more to say here."
    )
    quiet = click.option(
        "-q",
        "--quiet",
        is_flag=True,
        expose_value=False,
        callback=_keep_quiet,
        help="As everywhere; nothing but the result, and the names of written files, is said here.",
    )
    return quiet(verbose(function))


@dataclass(frozen=True, slots=True, kw_only=True)
class EditJob:
    """An editing command as it was given, but for its edits."""

    model: str
    trust: Trust
    writing: Writing
    measuring: Measuring
    roof: UnderRoof
    showing: Showing
    talk: Talk


editing = together("job", EditJob, model_argument, writing, measuring, roofing, showing, trusting, talking)
"""MODEL and the options of every editing command."""
