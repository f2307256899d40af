"""What a kind of network must be able to do so that it can be read, edited, checked, measured and written.

There are two: Ultralytics' own, and every other. The workflows know only this protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor, nn

from surgeon.graph import LayerGraph, PlannedRow
from surgeon.graph.network import Network
from surgeon.models.opened import OpenedModel
from surgeon.models.proxies import ProxyImages


class Family(Protocol):
    """The mechanics of one kind of network; stateless."""

    def graph(self, model: OpenedModel, imgsz: tuple[int, int]) -> LayerGraph:
        """The rows or stages of a model with their shapes at an image size ``(H, W)``."""

    def stride(self, module: nn.Module) -> int:
        """Largest stride; image sides are multiples of it."""

    def edited(self, model: OpenedModel, rows: Sequence[PlannedRow], entry: Mapping[str, Any]) -> nn.Module:
        """A copy of the network with these rows, and one more entry in its record."""

    def network(self, module: nn.Module, graph: LayerGraph) -> Network:
        """The network as checks see it."""

    def output_stem(self, model: OpenedModel, name: str) -> str:
        """What the files of an edited model are called."""

    def write(self, model: OpenedModel, path: Path, *, force: bool) -> tuple[Path, Path]:
        """Write the ``.pt`` and the ``.yaml`` beside it."""

    @property
    def reported_gflops(self) -> Callable[[nn.Module, tuple[int, int]], float | None] | None:
        """What the framework itself prints as GFLOPs; None where it prints none."""

    def proxies(self, module: nn.Module) -> ProxyImages | None:
        """The small images from which that figure is extrapolated; None where it has to be asked for."""

    def training_loss(self, module: nn.Module) -> Any:
        """The loss that it is trained with, run on made-up labels; None where there is none that surgeon knows."""

    def deployed(self, module: nn.Module) -> Callable[[nn.Module], nn.Module] | None:
        """Makes the deployed (fused) network of a copy; None where this network has no such form."""

    def write_onnx(self, module: nn.Module, images: Tensor, path: Path) -> None:
        """Export a copy of a deployed network to ONNX, its outputs alone, for images of this shape."""


def family_of(model: OpenedModel) -> Family:
    """The mechanics that serve a model."""
    if model.family == "ultralytics":
        from surgeon.models.ultralytics.family import UltralyticsFamily

        return UltralyticsFamily()
    from surgeon.models.foreign.family import ForeignFamily

    return ForeignFamily()
