"""An Ultralytics network as the checks of an edit see it.

Internals used: heads cache anchors between calls (``anchors``, ``strides``, ``shape``), as plain attributes (8.0.0).
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from surgeon.models.exporting import export_onnx
from surgeon.models.fresh_process import outputs_of_file
from surgeon.models.probing import evaluating, tensors_in
from surgeon.models.ultralytics import reader
from surgeon.models.ultralytics.build import rebuild_to_look_at
from surgeon.models.ultralytics.exporting import set_export_flags
from surgeon.models.ultralytics.figures import fused
from surgeon.models.ultralytics.first_batch import first_losses


class UltralyticsNetwork:
    """Implements `surgeon.graph.network.Network`."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module

    @property
    def module(self) -> nn.Module:
        """The ``nn.Module``."""
        return self._module

    @property
    def in_channels(self) -> int:
        """Channels of the image it reads."""
        return reader.in_channels(self._module)

    @property
    def max_stride(self) -> int:
        """Largest stride; image sides are multiples of it."""
        return reader.max_stride(self._module)

    def observe(self, image: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Every tensor that the network puts out in evaluation mode, and the feature maps that enter its head."""
        features: list[Tensor] = []

        def take(_: nn.Module, args: Any) -> None:
            features.extend(tensors_in(args[0]))

        handle = reader.rows_of(self._module)[-1].register_forward_pre_hook(take)
        try:
            with self._undisturbed():
                outputs = list(tensors_in(self._module(image)))
        finally:
            handle.remove()
        return outputs, features

    def wiring(self) -> Sequence[tuple[int, Any]]:
        """``(i, f)`` of each row, then the set of kept rows."""
        rows: list[tuple[int, Any]] = [(int(row.i), row.f) for row in reader.rows_of(self._module)]  # type: ignore[arg-type]
        return [*rows, (-1, sorted(set(self._module.save)))]  # type: ignore[arg-type]

    def rebuilt(self) -> UltralyticsNetwork:
        """What Ultralytics builds from ``model.yaml``."""
        return UltralyticsNetwork(rebuild_to_look_at(self._module))

    @property
    def described(self) -> bool:
        """Always: ``model.yaml``."""
        return True

    def copied(self) -> UltralyticsNetwork:
        """An independent copy in float32 on the CPU."""
        return UltralyticsNetwork(copy.deepcopy(self._module).cpu().float())

    def deployed(self) -> UltralyticsNetwork:
        """A copy with BatchNorm folded, as ``yolo predict`` runs it."""
        return UltralyticsNetwork(fused(self.copied().module.eval()))

    def exportable(self) -> UltralyticsNetwork:
        """A copy with the flags that ``yolo export`` sets."""
        return UltralyticsNetwork(set_export_flags(self.copied().module))

    def export(self, path: Path, image: Tensor, *, dynamic: bool) -> None:
        """Write the ONNX graph as ``yolo export format=onnx`` traces it."""
        ready = UltralyticsNetwork(set_export_flags(self.deployed().module))
        export_onnx(ready.module, ready.observe, image, path, dynamic=dynamic)

    def train_outputs(self, image: Tensor) -> list[Tensor]:
        """Every tensor put out in training mode under seed 0."""
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(0)
            return list(tensors_in(self._module.train()(image)))

    def first_losses(self, image: Tensor) -> list[Tensor] | None:
        """Loss of a made-up batch under seed 0; None where the task needs a batch that only its dataset makes."""
        try:
            return first_losses(self._module, image)
        except Exception:  # text prompts, depth maps …: whatever the loss misses
            return None

    def outputs_of(self, path: Path, image: Tensor) -> list[Tensor]:
        """What stock Ultralytics puts out, having loaded the file."""
        return outputs_of_file(path, image, "from ultralytics import YOLO; network = YOLO(sys.argv[1]).model")

    @contextlib.contextmanager
    def _undisturbed(self) -> Iterator[None]:
        """Evaluation mode, and the head's cached anchors put back afterwards."""
        head = reader.rows_of(self._module)[-1]
        cached = dict(head.__dict__)
        try:
            with evaluating(self._module):
                yield
        finally:
            training = head.training
            head.__dict__.clear()
            head.__dict__.update(cached)
            head.training = training
