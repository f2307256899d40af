"""What Ultralytics itself says of a network, and the copy of it that would be deployed.

Internals used: ``ultralytics.utils.torch_utils.get_flops(model, imgsz)`` (8.0.136 at this path),
``BaseModel.fuse(verbose)`` (8.0.50).
"""

from __future__ import annotations

import copy

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


def fused(module: nn.Module) -> nn.Module:
    """Fold BatchNorm into the convolutions, as ``yolo predict`` and ``yolo export`` do, in place."""
    with quiet():
        ready: nn.Module = module.fuse(verbose=False)  # type: ignore[operator]
    return ready
