"""Which modules are one convolution: ``nn.Conv2d``, and with norm and activation what YOLO repositories call Conv."""

from __future__ import annotations

from torch import nn

from surgeon.graph.convolution import Convolution

_ACTIVATIONS = {nn.Identity: "none", nn.SiLU: "silu", nn.ReLU: "relu", nn.ReLU6: "relu6"}
_PARTS = {"conv", "bn", "act"}


def convolution_of(module: nn.Module) -> Convolution | None:
    """What a module is as a convolution; None where it is none, or more than one.

    Args:
        module: An ``nn.Conv2d``, or a module of ``conv`` and perhaps ``bn`` and ``act``, as in Ultralytics, YOLOv5 and
            YOLOX.
    """
    if isinstance(module, nn.Conv2d):
        conv: nn.Conv2d = module
        act: nn.Module | None = None
    else:
        parts = dict(module.named_children())
        inner, norm, act = parts.get("conv"), parts.get("bn"), parts.get("act")
        if not isinstance(inner, nn.Conv2d) or not parts.keys() <= _PARTS:
            return None
        if not isinstance(norm, nn.BatchNorm2d | None):
            return None
        conv = inner
    return Convolution(
        kernel_size=_side(conv.kernel_size),
        dilation=_side(conv.dilation),
        groups=conv.groups,
        activation="none" if act is None else _ACTIVATIONS.get(type(act), type(act).__name__),
    )


def _side(sides: tuple[int, ...]) -> int | tuple[int, ...]:
    """One number for equal sides."""
    return sides[0] if len(set(sides)) == 1 else tuple(sides)
