"""``surgeon trace``."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

import click

from surgeon.cli.bundle import together
from surgeon.cli.command import Command
from surgeon.cli.measuring import batch_option, device_option, half_option, imgsz_option
from surgeon.cli.options import Trust, required_model_argument, talking, trusting
from surgeon.cli.talk import Talk
from surgeon.cli.values import Size
from surgeon.profiler.settings import ProfileSettings

INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracing:
    """What is traced."""

    imgsz: tuple[Size, ...]
    batch: tuple[int, ...]
    device: str
    half: bool
    threads: int
    runs: int

    def settings(self) -> ProfileSettings:
        """The settings of the only size and batch.

        Raises:
            click.UsageError: There are several.
        """
        if len(self.imgsz) > 1 or len(self.batch) > 1:
            raise click.UsageError("a trace is of one image size and batch: name one of each")
        return ProfileSettings(
            imgsz=self.imgsz[0],
            batch=self.batch[0],
            device=self.device,
            dtype="float16" if self.half else "float32",
            threads=self.threads,
            latency=False,
        )

    def words(self) -> list[str]:
        """The same as words of a command line, defaults left out."""
        (height, width), batch = self.imgsz[0], self.batch[0]
        size = str(height) if height == width else f"{height}x{width}"
        given = {
            "--imgsz": (size, "640"),
            "--batch": (str(batch), "1"),
            "--device": (self.device, "cpu"),
            "--threads": (str(self.threads), "1"),
            "--runs": (str(self.runs), "5"),
        }
        words = [word for name, (value, usual) in given.items() if value != usual for word in (name, value)]
        return [*words, *["--half"] * self.half]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where the trace goes."""

    out: str | None
    tensorboard: str | None
    force: bool


tracing = together(
    "tracing",
    Tracing,
    imgsz_option,
    batch_option,
    device_option,
    half_option,
    click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="CPU threads."),
    click.option(
        "--runs",
        type=click.IntRange(min=1, max=1000),
        default=5,
        show_default=True,
        help="Runs in the trace; those that warm up come before it.",
    ),
)

target = together(
    "target",
    Target,
    click.option(
        "-o",
        "--out",
        "--output",
        metavar="FILE",
        help="….pt.trace.json (also .gz) for Perfetto, chrome://tracing and TensorBoard, ….pftrace for Perfetto alone; "
        "by default <model>.pt.trace.json here, the next free number.",
    ),
    click.option(
        "--tensorboard",
        metavar="DIR",
        help="Write the trace, the figures and the report where tensorboard --logdir DIR finds them.",
    ),
    click.option("--force", is_flag=True, help="Replace an existing FILE."),
)


@click.command("trace", cls=Command)
@required_model_argument
@tracing
@target
@trusting
@talking
def command(*, model: str, tracing: Tracing, target: Target, trust: Trust, talk: Talk) -> int:
    """Record what runs when, by row, for a trace viewer.

    The network is fused and warmed up as for a profile, then runs a few times under PyTorch's profiler. The trace has
    a process "surgeon" with the rows and the inserted blocks beside PyTorch's operators. The profiler slows every
    operator down: take order and proportions from a trace, and latency from surgeon profile.

    Example:
        surgeon trace yolov8n.yaml -o run.pt.trace.json
        surgeon trace best.pt --device cuda -o run.pftrace
        surgeon trace best.pt --tensorboard runs/surgeon
    """
    from surgeon import workflows
    from surgeon.cli.opening import open_models, require_measurable
    from surgeon.profiler.trace.files import free_path, require_writable, write_trace

    settings = tracing.settings()
    out = None if target.out is None else Path(target.out)
    if out is not None:
        require_writable(out, force=target.force)
    if target.tensorboard is not None:
        workflows.require_tensorboard(Path(target.tensorboard))
    line = shlex.join(["surgeon", "trace", model, *tracing.words(), *trust.words()])
    with talk.working():
        opened = open_models([model], trust)[0]
        require_measurable([opened], [settings])
        trace = workflows.trace(opened, settings, runs=tracing.runs, command=line)
        if out is None and target.tensorboard is None:
            out = free_path(opened.name)
        written = [] if out is None else [write_trace(trace, out, force=target.force)]
        if target.tensorboard is not None:
            written += workflows.to_tensorboard(Path(target.tensorboard), trace.profile, trace=trace)
    rows = sum(span.track == "rows" for span in trace.spans)
    click.echo(f"{trace.profile.name}: {trace.runs} of {tracing.runs} runs, {rows} spans of rows")
    for path in written:
        click.echo(f"wrote {path}")
    if out is not None:
        click.echo(f"open {out} {_viewers(out)}")
    if target.tensorboard is not None:
        click.echo(f"see it with: {shlex.join(['tensorboard', '--logdir', target.tensorboard])}")
    if trace.interrupted:
        complete = f"{trace.runs} complete {'run' if trace.runs == 1 else 'runs'} of {tracing.runs}"
        click.echo(f"interrupted: what was recorded until then is kept, {complete}", err=True)
        return INTERRUPTED
    return 0


def _viewers(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    chrome = "" if name.endswith(".pftrace") else " or in chrome://tracing"
    plugin = " or in TensorBoard's profiler plugin" if name.endswith(".pt.trace.json") else ""
    return f"at https://ui.perfetto.dev{chrome}{plugin}"
