"""A network that surgeon has opened, whatever it came from, and what is known of its origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from surgeon.models.ultralytics.drift import Drift


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedModel:
    """A network and its origin.

    Attributes:
        name: Display name (``yolov8n``).
        module: The live network.
        source: What the user named: a path, a YAML name, or ``live YOLO``.
        task: ``detect``, ``segment`` …
        family: ``ultralytics``, or ``foreign`` for every other network.
        path: The file it was read from; None for a live module and for a YAML that ships with Ultralytics.
        sha256: Hash of that file, None without one.
        dtype: Type of the weights in the file (``float16`` for what the trainer writes).
        checkpoint: What else the checkpoint held and a stock user needs again (``train_args``).
        drift: How a checkpoint differs from its own ``model.yaml``; None where that was not looked at.
        keys: Stable keys of the rows after an edit; empty for a model as opened.
        notes: Sentences on what was decided when opening (``ema`` taken, optimizer state dropped).
    """

    name: str
    module: nn.Module
    source: str
    task: str
    family: str = "ultralytics"
    path: Path | None = None
    sha256: str | None = None
    dtype: str = "float32"
    checkpoint: Mapping[str, Any] = field(default_factory=dict)
    drift: Drift | None = None
    keys: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
