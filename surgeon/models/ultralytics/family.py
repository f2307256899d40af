"""What surgeon does with Ultralytics' networks: implements `surgeon.models.family.Family`.

Internals used: ``Detect.legacy`` and the two forms of ``cv3`` that it chooses (8.3.17), ``nn.modules.conv.Conv``
(8.0.0).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from surgeon.graph import LayerGraph, PlannedRow
from surgeon.models.exporting import export_outputs
from surgeon.models.opened import OpenedModel
from surgeon.models.proxies import ProxyImages
from surgeon.models.ultralytics import figures, reader, rows, writer
from surgeon.models.ultralytics.exporting import set_export_flags
from surgeon.models.ultralytics.network import UltralyticsNetwork
from surgeon.models.ultralytics.proxies import proxy_images, takes_proxy_images
from surgeon.models.ultralytics.training_loss import UltralyticsLoss, training_loss


class UltralyticsFamily:
    """Networks of the installed Ultralytics."""

    def graph(self, model: OpenedModel, imgsz: tuple[int, int]) -> LayerGraph:
        """The rows of a model."""
        return reader.read_graph(model.module, model.name, imgsz, model.keys)

    def stride(self, module: nn.Module) -> int:
        """Largest stride."""
        return reader.max_stride(module)

    def edited(self, model: OpenedModel, planned: Sequence[PlannedRow], entry: Mapping[str, Any]) -> nn.Module:
        """A copy with these rows, and one more entry in its record."""
        return rows.apply_rows(model.module, planned, entry, _head_flags(model))

    def network(self, module: nn.Module, graph: LayerGraph) -> UltralyticsNetwork:
        """The network as checks see it."""
        return UltralyticsNetwork(module)

    def output_stem(self, model: OpenedModel, name: str) -> str:
        """The name, with the token by which Ultralytics knows the family of a yaml."""
        return writer.output_stem(model.module, name, ())

    def write(self, model: OpenedModel, path: Path, *, force: bool) -> tuple[Path, Path]:
        """Write the ``.pt`` and the ``.yaml``."""
        train_args = model.checkpoint.get("train_args") or {"task": model.task}
        return writer.write_model(model.module, train_args, path, force=force)

    @property
    def reported_gflops(self) -> Callable[[nn.Module, tuple[int, int]], float | None]:
        """What ``model.info()`` prints."""
        return figures.info_gflops

    def proxies(self, module: nn.Module) -> ProxyImages | None:
        """The small images that ``model.info()`` extrapolates from."""
        try:
            return proxy_images(module) if takes_proxy_images() else None
        except (IndexError, StopIteration):  # it prints nothing for such a network
            return None

    def training_loss(self, module: nn.Module) -> UltralyticsLoss | None:
        """What its ``init_criterion`` makes."""
        return training_loss(module)

    def deployed(self, module: nn.Module) -> Callable[[nn.Module], nn.Module]:
        """BatchNorm folded, as ``yolo predict`` does."""
        return figures.fused

    def write_onnx(self, module: nn.Module, images: Tensor, path: Path) -> None:
        """The ONNX graph that ``yolo export`` traces, for this shape."""
        export_outputs(set_export_flags(copy.deepcopy(module)), images, path)


def _head_flags(model: OpenedModel) -> dict[str, Any]:
    if model.drift is not None and model.drift.flags:
        return dict(model.drift.flags)
    head = reader.rows_of(model.module)[-1]
    return {"legacy": _is_legacy(head)} if hasattr(head, "legacy") else {}


def _is_legacy(head: nn.Module) -> bool:
    """Whether a head's class branch is of plain convolutions, as up to v9.

    ``Detect.legacy`` is an attribute of the class, which every network that is built sets anew: of a second network in
    the same process it says what that one has. The branch itself tells.
    """
    from ultralytics.nn.modules.conv import Conv

    branches = getattr(head, "cv3", None)
    if "legacy" in head.__dict__ or not isinstance(branches, nn.ModuleList) or not len(branches):
        return bool(head.legacy)
    first = next(branches[0].children(), None)
    if isinstance(first, nn.Sequential):
        return False
    return True if isinstance(first, Conv) else bool(head.legacy)  # a block of ours in the branch does not tell
