"""What surgeon does with networks of other repositories: implements `surgeon.models.family.Family`."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from surgeon.graph import LayerGraph, PlannedRow
from surgeon.models.exporting import export_outputs
from surgeon.models.foreign import stages, writing
from surgeon.models.foreign.network import ForeignNetwork, set_export_flags
from surgeon.models.foreign.rebuilding import quiet
from surgeon.models.opened import OpenedModel
from surgeon.models.ultralytics import reader, rows
from surgeon.models.ultralytics.registration import RECORD


class ForeignFamily:
    """Networks with rows like YOLOv5's, and any other ``nn.Module`` by its stages."""

    def graph(self, model: OpenedModel, imgsz: tuple[int, int]) -> LayerGraph:
        """The rows of a model, its stages where it has none."""
        if not has_rows(model.module):
            return stages.read_stages(model.module, model.name, imgsz)
        graph = reader.read_graph(model.module, model.name, imgsz, model.keys)
        return dataclasses.replace(graph, family=f"rows of {type(model.module).__module__}")

    def stride(self, module: nn.Module) -> int:
        """Largest stride, 32 where the network does not say."""
        stride = getattr(module, "stride", None)
        return max(int(stride.max()), 32) if isinstance(stride, Tensor) and stride.numel() else 32

    def edited(self, model: OpenedModel, planned: Sequence[PlannedRow], entry: Mapping[str, Any]) -> nn.Module:
        """A copy with these rows, and one more entry in its record."""
        if has_rows(model.module):
            return rows.apply_rows(model.module, planned, entry, {})
        edited = copy.deepcopy(model.module)
        description = copy.deepcopy(dict(edited.yaml))  # type: ignore[arg-type]
        record = dict(description.get(RECORD) or {"version": 1, "edits": []})
        record["edits"] = [*record["edits"], dict(entry)]
        vars(edited).update(yaml={**description, RECORD: record})
        return edited

    def network(self, module: nn.Module, graph: LayerGraph) -> ForeignNetwork:
        """The network as checks see it."""
        head = f"model.{len(module.model) - 1}" if has_rows(module) else graph.output.path  # type: ignore[arg-type]
        return ForeignNetwork(module, head, self.stride(module))

    def output_stem(self, model: OpenedModel, name: str) -> str:
        """The name as it is."""
        return name

    def write(self, model: OpenedModel, path: Path, *, force: bool) -> tuple[Path, Path]:
        """Write the ``.pt`` and the ``.yaml``."""
        return writing.write_model(model.module, path, force=force)

    @property
    def reported_gflops(self) -> Callable[[nn.Module, tuple[int, int]], float | None] | None:
        """None: these repositories do not agree on what they print."""
        return None

    def proxies(self, module: nn.Module) -> None:
        """Nothing is printed."""

    def training_loss(self, module: nn.Module) -> None:
        """These repositories keep their losses outside the network."""

    def deployed(self, module: nn.Module) -> Callable[[nn.Module], nn.Module] | None:
        """Folds BatchNorm by the network's own ``fuse()``; None where it has none."""
        return _fused if hasattr(module, "fuse") else None

    def write_onnx(self, module: nn.Module, images: Tensor, path: Path) -> None:
        """The ONNX graph of the network with its heads' export flags set, for this shape."""
        export_outputs(set_export_flags(copy.deepcopy(module)), images, path)


def has_rows(module: nn.Module) -> bool:
    """Whether the network is a list of rows with ``.i`` and ``.f``, a list of kept rows, and a ``model.yaml``."""
    model_rows = getattr(module, "model", None)
    described = getattr(module, "yaml", None)
    return (
        isinstance(model_rows, nn.Sequential)
        and len(model_rows) > 0
        and all(hasattr(row, "f") and hasattr(row, "i") for row in model_rows)
        and hasattr(module, "save")
        and isinstance(described, dict)
        and "backbone" in described
    )


def _fused(module: nn.Module) -> nn.Module:
    with quiet():
        fused = module.fuse()  # type: ignore[operator]
    return fused if isinstance(fused, nn.Module) else module
