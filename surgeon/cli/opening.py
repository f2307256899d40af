"""Opening the models that a command names, and refusing early what cannot be measured on them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from surgeon.cli.options import Trust
from surgeon.profiler.settings import ProfileSettings
from surgeon.progress import begin

if TYPE_CHECKING:
    from surgeon.models.opened import OpenedModel


def open_models(names: Sequence[str], trust: Trust) -> list[OpenedModel]:
    """Open each model; only packages that the user named may be imported from the working directory.

    Raises:
        ModelFileError: One is no model that can be opened.
    """
    from surgeon import workflows

    if trust.trust_modules:
        make_folder_importable()
    opened = []
    for name in names:
        begin(f"opening {name}", early=True)
        opened.append(workflows.open_model(name, trust=trust.trust, trust_modules=trust.trust_modules))
    return opened


def require_measurable(models: Sequence[OpenedModel], settings: Sequence[ProfileSettings]) -> None:
    """Refuse what cannot be measured, before anything is spent.

    Raises:
        MeasurementError: The device is absent, or a network cannot run at a size.
    """
    from surgeon import workflows
    from surgeon.profiler import device

    for one in settings:
        device.require_measurable(one)
        for model in models:
            workflows.tree(model, one.imgsz)


def make_folder_importable() -> None:
    """Let the user's own modules of the working directory be imported; installed ones come first."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
