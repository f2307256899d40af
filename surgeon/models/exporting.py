"""Writing the ONNX graph of any network, with what enters its head as further outputs."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from surgeon.models.probing import tensors_in

Observe = Callable[[Tensor], tuple[list[Tensor], list[Tensor]]]


def export_onnx(module: nn.Module, observe: Observe, image: Tensor, path: Path, *, dynamic: bool) -> None:
    """Export by the exporter that works on traces.

    Args:
        module: The network, in evaluation mode.
        observe: Runs it and gives its outputs and what enters its head, ``Network.observe``.
        image: An example, ``(B, C, H, W)``.
        path: The file to write.
        dynamic: Whether batch, height and width stay open.
    """
    import onnx

    with torch.no_grad():
        outputs, features = observe(image)
    names = [f"output{i}" for i in range(len(outputs))] + [f"feature{i}" for i in range(len(features))]
    axes = {
        name: {i: f"{name}_{i}" for i in range(t.dim())} for name, t in zip(names, [*outputs, *features], strict=True)
    }
    axes["images"] = {0: "batch", 2: "height", 3: "width"}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # a tracer warns of every branch that Python takes
        torch.onnx.export(
            _Observed(module, observe).eval(),
            (image,),
            str(path),
            opset_version=min(18, onnx.defs.onnx_opset_version()),
            input_names=["images"],
            output_names=names,
            dynamic_axes=axes if dynamic else None,
            dynamo=False,
        )


def export_outputs(module: nn.Module, images: Tensor, path: Path) -> None:
    """Export what a network puts out, for images of one shape.

    Args:
        module: The network, in evaluation mode.
        images: An example, ``(B, C, H, W)``.
        path: The file to write.
    """
    export_onnx(module, lambda given: (list(tensors_in(module(given))), []), images, path, dynamic=False)


class _Observed(nn.Module):
    def __init__(self, network: nn.Module, observe: Observe) -> None:
        super().__init__()
        self.network = network
        self._observe = observe

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        outputs, features = self._observe(image)
        return (*outputs, *features)
