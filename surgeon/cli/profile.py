"""``surgeon profile``."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from surgeon.cli.command import Command
from surgeon.cli.counting import Counting, counting
from surgeon.cli.fitting import Fit, fitting
from surgeon.cli.measuring import Measuring, measuring
from surgeon.cli.options import Trust, required_model_argument, talking, trusting
from surgeon.cli.reporting import Reporting, reporting
from surgeon.cli.sizes import one_a_size
from surgeon.cli.talk import Talk
from surgeon.cli.tensorboard import require_tensorboard, tensorboard_option, write_tensorboard

if TYPE_CHECKING:
    from surgeon.models.opened import OpenedModel
    from surgeon.profiler.results import ProfileResult
    from surgeon.profiler.settings import ProfileSettings


@click.command("profile", cls=Command)
@required_model_argument
@measuring
@counting
@fitting
@reporting
@tensorboard_option
@trusting
@talking
def command(
    *,
    model: str,
    measuring: Measuring,
    counting: Counting,
    fit: Fit,
    reporting: Reporting,
    tensorboard: str | None,
    trust: Trust,
    talk: Talk,
) -> int:
    """Measure one network.

    Parameters, GFLOPs as Ultralytics prints them and exact, latency with its spread, peak memory, and all of it by
    row. Latency covers the forward pass with head decoding, without preprocessing and NMS. Several image sizes or
    batches are one table.

    Example:
        surgeon profile best.pt --imgsz 480x640
        surgeon profile yolov8n.yaml --imgsz 320,640,1280 --batch 1,8 --no-latency
        surgeon profile yolov8n.yaml -o yolov8n.md
        surgeon profile yolov8n.yaml --explain --no-latency
        surgeon profile yolov8n.yaml --variants eager,channels_last,onnxruntime
        surgeon profile yolov8n.yaml --fit 8GiB --amp --no-latency
    """
    from surgeon.cli.emit import emit_report
    from surgeon.cli.opening import open_models, require_measurable
    from surgeon.report.report import Report

    settings = tuple(fit.added_to(counting.added_to(one)) for one in measuring.settings())
    if len(settings) > 1:
        counting.require_one()
        fit.require_one()
    words = (*measuring.words(), *counting.words(), *fit.words(), *trust.words())
    line = shlex.join(["surgeon", "profile", model, *words])
    reporting.require(model, kinds=["profile"])
    require_tensorboard(tensorboard)
    with talk.working():
        opened = open_models([model], trust)[0]
        require_measurable([opened], settings)
        results, stopped = _measured(opened, settings, line, talk)
    emit_report(Report(results=tuple(results), by=counting.by), reporting)
    write_tensorboard(tensorboard, results, talk)
    if stopped:
        talk.say_interrupted()
    return 130 if stopped else 0


def _measured(
    opened: OpenedModel, settings: Sequence[ProfileSettings], line: str, talk: Talk
) -> tuple[list[ProfileResult], bool]:
    """One result a size, and whether it was cut short."""
    from surgeon import workflows

    def measure(one: ProfileSettings, size: str) -> ProfileResult:
        talk.say(f"measuring {opened.name} at {size}")
        return workflows.profile(opened, one, command=line)

    return one_a_size(settings, measure)
