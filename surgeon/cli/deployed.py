"""``surgeon compare`` where a model is an ONNX file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from surgeon.cli.command import given_line
from surgeon.cli.measuring import Measuring
from surgeon.cli.options import Trust
from surgeon.cli.talk import Talk

if TYPE_CHECKING:
    from surgeon.models.opened import OpenedModel
    from surgeon.profiler.deployed.figures import DeployedComparison


def is_onnx(name: str) -> bool:
    """Whether a model is named as an ONNX file."""
    return name.lower().endswith(".onnx")


def compare_files(names: Sequence[str], measuring: Measuring, trust: Trust, talk: Talk) -> DeployedComparison:
    """Open what is named, export what is no ONNX file, and compare.

    Raises:
        SurgeonError: A model cannot be opened, exported or timed.
        click.UsageError: Several sizes were asked for.
    """
    from surgeon import workflows
    from surgeon.cli.opening import open_models, require_measurable

    settings = measuring.only_settings()
    networks = [name for name in names if not is_onnx(name)]
    opened = dict(zip(networks, open_models(networks, trust), strict=True))
    require_measurable(list(opened.values()), [settings])
    models: list[Path | OpenedModel] = [Path(name) if is_onnx(name) else opened[name] for name in names]
    context = click.get_current_context()
    is_open = all(context.get_parameter_source(name) == ParameterSource.DEFAULT for name in ("imgsz", "batch"))
    return workflows.compare_deployed(models, settings, any_size=is_open, command=given_line())
