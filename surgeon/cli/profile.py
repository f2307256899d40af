"""``surgeon profile``."""

from __future__ import annotations

import shlex

import click

from surgeon.cli.command import Command
from surgeon.cli.options import (
    Measuring,
    Saving,
    Trust,
    measuring,
    required_model_argument,
    saving,
    talking,
    trusting,
)
from surgeon.cli.talk import Talk


@click.command("profile", cls=Command)
@required_model_argument
@measuring
@click.option("--rows/--no-rows", default=True, help="Show every row of the network, or the totals alone.")
@saving
@trusting
@talking
def command(*, model: str, measuring: Measuring, rows: bool, saving: Saving, trust: Trust, talk: Talk) -> int:
    """Measure one network.

    Parameters, GFLOPs as Ultralytics prints them and exact, latency with its spread, peak memory, and all of it by
    row. Latency covers the forward pass with head decoding, without preprocessing and NMS.

    Example:
        surgeon profile best.pt --imgsz 480x640
        surgeon profile yolov8n.yaml --imgsz 320,640 --no-latency --json profile.json
    """
    from surgeon import workflows
    from surgeon.cli.emit import emit_all
    from surgeon.cli.opening import open_models, require_measurable

    settings = measuring.settings()
    line = shlex.join(["surgeon", "profile", model, *measuring.words(), *trust.words()])
    saving.require_free(model)
    with talk.working():
        opened = open_models([model], trust, talk)[0]
        require_measurable([opened], settings)
        results = []
        for one in settings:
            talk.say(f"measuring {opened.name} at {one.imgsz[0]}x{one.imgsz[1]}")
            results.append(workflows.profile(opened, one, command=line))
    emit_all(results, saving.json, tables=rows)
    return 130 if any(result.interrupted for result in results) else 0
