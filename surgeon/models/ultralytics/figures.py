"""What Ultralytics itself says of a network, and the copy of it that would be deployed.

Internals used: ``ultralytics.utils.torch_utils.get_flops(model, imgsz)``, ``BaseModel.fuse(verbose)``.
"""

from __future__ import annotations

import copy

import torch
from torch import nn

from surgeon.models.ultralytics.build import quiet


def info_gflops(module: nn.Module, imgsz: tuple[int, int]) -> float | None:
    """GFLOPs as ``model.info(imgsz=imgsz)`` of the installed Ultralytics computes them, None where it cannot.

    The counter runs on a copy: thop leaves attributes on the modules it counts.
    """
    from ultralytics.utils.torch_utils import get_flops

    with quiet():
        gflops = float(get_flops(copy.deepcopy(module).float().cpu(), list(imgsz)))
    return gflops or None


def info_layers(module: nn.Module) -> int:
    """Number of layers as ``model.info()`` prints it: modules without children."""
    return sum(1 for m in module.modules() if not m._modules)


def deployed(module: nn.Module, *, fuse: bool, dtype: torch.dtype, device: str) -> nn.Module:
    """A copy in evaluation mode, with BatchNorm folded as ``yolo predict`` and ``yolo export`` do."""
    ready = copy.deepcopy(module).eval()
    for parameter in ready.parameters():
        parameter.requires_grad_(False)
    with quiet():
        if fuse and hasattr(ready, "fuse"):
            ready = ready.fuse(verbose=False)
    return ready.to(device=device, dtype=dtype)
