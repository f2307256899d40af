"""``surgeon compare``."""

from __future__ import annotations

import click

from surgeon.cli.command import Command
from surgeon.cli.options import Measuring, Showing, Trust, measuring, showing, talking, trusting
from surgeon.cli.talk import Talk


@click.command("compare", cls=Command)
@click.argument("models", nargs=-1, metavar="BASELINE CANDIDATE...")
@measuring
@showing
@trusting
@talking
def command(*, models: tuple[str, ...], measuring: Measuring, showing: Showing, trust: Trust, talk: Talk) -> None:
    """Measure networks against a baseline.

    The first model is the baseline. All are measured under equal settings, their latencies in randomly ordered pairs
    in one process; the verdicts come with their 95 % intervals.

    Example:
        surgeon compare best.pt best-gam.pt
        surgeon compare yolov8n.yaml yolov8s.yaml yolo11n.yaml imgsz=320 --no-latency
    """
    from surgeon import workflows
    from surgeon.cli.emit import emit_all
    from surgeon.cli.opening import open_models, require_measurable

    if len(models) < 2:
        raise click.UsageError("name a baseline and at least one candidate", click.get_current_context())
    settings = measuring.settings()
    with talk.working():
        opened = open_models(models, trust, talk)
        require_measurable(opened, settings)
        results = [workflows.compare(opened, one, announce=talk.say) for one in settings]
    emit_all(results, showing.json, all_rows=showing.all_rows)
