"""Options that several commands share. Each set arrives in the command as one frozen object."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click

from surgeon.cli.gpu_options import OnGpu, gpu_options
from surgeon.cli.talk import Talk
from surgeon.cli.values import Batches, BlockName, Device, Seconds, Size, Sizes
from surgeon.errors import OutputError
from surgeon.profiler.settings import ProfileSettings
from surgeon.surgery.recipe import MODES

DEFAULT_MODEL = "yolov8n.yaml"
STDOUT = "-"
"""As the --json file: standard output."""

Function = Callable[..., Any]
Decorator = Callable[[Function], Function]


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
class Measuring(OnGpu):
    """What is to be measured."""

    imgsz: tuple[Size, ...]
    batch: tuple[int, ...]
    device: str
    half: bool
    no_latency: bool
    time_budget: float | None

    def words(self) -> list[str]:
        """The same as words of a command line, defaults left out."""
        sizes = ",".join(str(h) if h == w else f"{h}x{w}" for h, w in self.imgsz)
        words = [] if sizes == "640" else ["--imgsz", sizes]
        words += [] if self.batch == (1,) else ["--batch", ",".join(map(str, self.batch))]
        words += [] if self.device == "cpu" else ["--device", self.device]
        words += ["--half"] * self.half + ["--no-latency"] * self.no_latency + self.gpu_words()
        return words + ([] if self.time_budget is None else ["--time-budget", f"{self.time_budget:g}"])

    def settings(self) -> tuple[ProfileSettings, ...]:
        """One a size and batch."""
        return tuple(
            ProfileSettings(
                imgsz=size,
                batch=batch,
                device=self.device,
                dtype="float16" if self.half else "float32",
                latency=not self.no_latency,
                time_budget_s=self.time_budget,
                **self.gpu_settings(self.device),
            )
            for size in self.imgsz
            for batch in self.batch
        )

    def only_settings(self) -> ProfileSettings:
        """Those of the only size and batch.

        Raises:
            click.UsageError: There are several.
        """
        if len(self.batch) > 1:
            batches = ",".join(map(str, self.batch))
            raise click.UsageError(
                f"--batch {batches}: one batch size is measured here; surgeon profile and surgeon compare take several"
            )
        if len(self.imgsz) > 1:
            sizes = ",".join(str(h) if h == w else f"{h}x{w}" for h, w in self.imgsz)
            raise click.UsageError(
                f"--imgsz {sizes}: one size is measured here, height x width if it is not square; "
                "surgeon profile and surgeon compare take several"
            )
        return self.settings()[0]


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
        if self.json is None or self.json == STDOUT:
            return
        path = Path(self.json)
        if path.suffix.lower() in (".pt", ".yaml", ".yml"):
            raise OutputError(f"--json {path}: that is the name of a model or a recipe; name it {path.stem}.json")
        if not path.parent.is_dir():
            raise OutputError(f"there is no folder {path.parent} to write {path.name} into; choose another --json FILE")
        if path.is_dir() or any(path.exists() and Path(s).exists() and path.samefile(s) for s in sources):
            raise OutputError(f"--json {path} is a folder or the model itself; choose another --json FILE")
        if path.exists() and not self.force:
            raise OutputError(f"{path} exists; choose another --json FILE, or replace it with --force")


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """How the result is shown."""

    json: str | None
    all_rows: bool


def together(name: str, kind: type[Any], *options: Decorator) -> Decorator:
    """A decorator that adds options and hands them over as one object."""
    names = [field.name for field in fields(kind)]

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def wrapper(**values: Any) -> Any:
            values[name] = kind(**{field: values.pop(field) for field in names})
            return function(**values)

        decorated: Function = wrapper
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate


model_argument = click.argument("model", default=DEFAULT_MODEL, metavar="[MODEL]")
required_model_argument = click.argument("model", metavar="MODEL")

block_option = click.option(
    "--module",
    multiple=True,
    expose_value=False,
    type=BlockName(),
    metavar="NAME",
    help="A block of `surgeon blocks`, or package.module:Class of your own. Each --module begins an edit.",
)
set_option = click.option(
    "--set",
    multiple=True,
    expose_value=False,
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
        "--force", is_flag=True, help="Replace --out and --json; edit a checkpoint that its own yaml cannot rebuild."
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

measuring = together(
    "measuring",
    Measuring,
    click.option(
        "--imgsz",
        type=Sizes(),
        default="640",
        show_default=True,
        metavar="SIZE",
        help="Side, or HEIGHTxWIDTH; imgsz=640 is understood too. Where several are measured: 320,640.",
    ),
    click.option(
        "--batch",
        type=Batches(),
        default="1",
        show_default=True,
        metavar="N",
        help="Batch size. Where several are measured: 1,2,4.",
    ),
    click.option(
        "--device", type=Device(), default="cpu", show_default=True, metavar="DEVICE", help="cpu, cuda, cuda:0 or 0."
    ),
    click.option("--half", is_flag=True, help="Measure in float16."),
    click.option("--no-latency", is_flag=True, help="Measure no time."),
    click.option(
        "--time-budget",
        type=Seconds(),
        default=None,
        metavar="SECONDS",
        help="Seconds of timing, for all models together; by default 10, and at least 30 runs of a profile.",
    ),
    *gpu_options(),
)

showing = together(
    "showing",
    Showing,
    click.option("--json", metavar="FILE", help="Write the result as JSON; - for standard output, alone there."),
    click.option("--all", "all_rows", is_flag=True, help="Show every row, not only those that changed."),
)

saving = together(
    "saving",
    Saving,
    click.option("--json", metavar="FILE", help="Write the result as JSON; - for standard output, alone there."),
    click.option("--force", is_flag=True, help="Replace an existing --json file."),
)

talking = together(
    "talk",
    Talk,
    click.option("-q", "--quiet", is_flag=True, help="No progress on stderr."),
    click.option("-v", "--verbose", is_flag=True, help="Let warnings and Ultralytics' own log through to stderr."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EditJob:
    """An editing command as it was given, but for its edits."""

    model: str
    trust: Trust
    writing: Writing
    measuring: Measuring
    showing: Showing
    talk: Talk


editing = together("job", EditJob, model_argument, writing, measuring, showing, trusting, talking)
"""MODEL and the options of every editing command."""
