"""``surgeon compare``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from surgeon.cli.choosing import Choosing, choosing
from surgeon.cli.command import Command, given_line
from surgeon.cli.completing import ModelName
from surgeon.cli.deployed import compare_files, is_onnx
from surgeon.cli.measuring import Measuring, measuring
from surgeon.cli.options import Trust, talking, trusting
from surgeon.cli.reporting import Reporting, reporting
from surgeon.cli.roof_options import UnderRoof, roofing
from surgeon.cli.sizes import one_a_size
from surgeon.cli.talk import Talk
from surgeon.cli.tensorboard import require_tensorboard, tensorboard_option, write_tensorboard

if TYPE_CHECKING:
    from surgeon.models.opened import OpenedModel
    from surgeon.profiler.results import Comparison
    from surgeon.profiler.settings import ProfileSettings


@click.command("compare", cls=Command)
@click.argument("models", nargs=-1, type=ModelName(), metavar="BASELINE CANDIDATE...")
@measuring
@roofing
@choosing
@reporting
@click.option("--all", "all_rows", is_flag=True, help="Show every row, not only those that changed.")
@tensorboard_option
@trusting
@talking
def command(
    *,
    models: tuple[str, ...],
    measuring: Measuring,
    roof: UnderRoof,
    choosing: Choosing,
    reporting: Reporting,
    all_rows: bool,
    tensorboard: str | None,
    trust: Trust,
    talk: Talk,
) -> int:
    """Measure networks against a baseline.

    The first model is the baseline, or --baseline names it. All are measured under equal settings, their latencies in
    randomly ordered pairs in one process; the verdicts come with their 95 % intervals. Where one is an .onnx file, the
    others are exported and all are timed in ONNX Runtime.

    Example:
        surgeon compare best.pt best-gam.pt
        surgeon compare before.onnx after.onnx
        surgeon compare yolov8{n,s,m}.yaml yolo11{n,s,m}.yaml --baseline yolov8s.yaml --sort gflops --no-latency
        surgeon compare best.pt best-gam.pt best-lska.pt -o ablation.tex
        surgeon compare best.pt best-gam.pt --roofline -o page.html
    """
    from surgeon.cli.emit import emit_report
    from surgeon.cli.opening import open_models, require_measurable
    from surgeon.report.report import Report

    models = choosing.baseline_first(models)
    if len(models) < 2:
        raise click.UsageError("name a baseline and at least one candidate", click.get_current_context())
    settings = tuple(replace(one, **roof.roof_settings()) for one in measuring.settings())
    choice = choosing.choice()
    deployed_ones = any(is_onnx(model) for model in models)
    reporting.require(*models, kinds=["deployed" if deployed_ones else "comparison"])
    if deployed_ones:
        if choosing.sort is not None or choosing.filter:
            raise click.UsageError("--sort and --filter know the figures of networks, which ONNX files do not tell")
        if roof.wants_roof:
            raise click.UsageError(
                f"{' '.join(roof.roof_words())}: a roofline needs rows, which ONNX files do not tell"
            )
        if tensorboard is not None:
            raise click.UsageError("--tensorboard takes the figures of networks, which ONNX files do not tell")
        with talk.working():
            deployed = compare_files(models, measuring, trust, talk)
        emit_report(Report(results=(deployed,)), reporting)
        if deployed.interrupted:
            talk.say_interrupted()
        return 130 if deployed.interrupted else 0
    require_tensorboard(tensorboard)
    with talk.working():
        opened = open_models(models, trust)
        require_measurable(opened, settings)
        results, stopped = _measured(opened, settings, talk)
    emit_report(Report(results=tuple(results), all_rows=all_rows, choice=choice), reporting)
    write_tensorboard(tensorboard, results, talk)
    if stopped:
        talk.say_interrupted()
    return 130 if stopped else 0


def _measured(
    opened: Sequence[OpenedModel], settings: Sequence[ProfileSettings], talk: Talk
) -> tuple[list[Comparison], bool]:
    """One result a size, and whether it was cut short."""
    from surgeon import workflows

    def measure(one: ProfileSettings, size: str) -> Comparison:
        if len(settings) > 1:
            talk.say(f"comparing {len(opened)} networks at {size}")
        return workflows.compare(opened, one, command=given_line())

    return one_a_size(settings, measure)
