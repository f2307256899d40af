"""Rules of what maps go through without MACs: normalisation, pointwise functions, pooling, resampling."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from surgeon.profiler.flops.ledger import Ledger
from surgeon.profiler.flops.rules.base import Rule, is_plain, joint_shape, made, made_of
from surgeon.profiler.flops.traffic import read_bytes, strided_copy


def batch_norm(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """``F.batch_norm`` by running statistics: 2 FLOPs an element."""
    x, mean = args[0], args[1]
    if kwargs.get("training", True) or mean is None or not x.is_meta or x.dim() < 2 or x.shape[1] != mean.shape[0]:
        return NotImplemented
    if not is_plain(x):
        return NotImplemented
    out = made(ledger, x.shape, x)
    ledger.book("batch_norm", 0, 2 * out.numel(), read_bytes(x) + 4 * mean.nbytes, out.nbytes)
    ledger.pass_by(2 * mean.nbytes)  # the statistics of the batch: made, and not written
    return out


def layer_norm(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """``F.layer_norm``: 8 FLOPs an element; the mean and the deviation of each row are results too."""
    x, shape = args[0], args[1]
    if not x.is_meta or tuple(x.shape[-len(shape) :]) != tuple(shape):
        return NotImplemented
    out = made(ledger, x.shape, x)
    size, width = out.numel(), math.prod(shape)
    statistics = 2 * x.itemsize * (size // width if width else 0)
    ledger.book("layer_norm", 0, 8 * size, read_bytes(x) + 2 * x.itemsize * width, out.nbytes + statistics)
    ledger.pass_by(statistics + strided_copy(x))
    return out


def softmax(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """``F.softmax``: 5 FLOPs an element."""
    x = args[0] if args else None
    if not isinstance(x, Tensor) or not x.is_meta or not x.is_floating_point() or kwargs.get("dtype") is not None:
        return NotImplemented
    out = made(ledger, x.shape, x)
    ledger.book("softmax", 0, 5 * out.numel(), read_bytes(x), out.nbytes)
    ledger.pass_by(strided_copy(x))
    return out


def unary(name: str) -> Rule:
    """The rule of a function of one map, of its shape."""

    def rule(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        x = args[0] if args else None
        if not isinstance(x, Tensor) or not x.is_meta or not x.is_floating_point() or kwargs.get("dtype") is not None:
            return NotImplemented
        out = x if kwargs.get("inplace") else made_of(ledger, x.shape, x)
        ledger.book(name, 0, out.numel(), read_bytes(x), out.nbytes)
        return out

    return rule


def binary(name: str, *, inplace: bool = False) -> Rule:
    """The rule of a pointwise function of two maps, or a map and a number."""

    def rule(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        if kwargs or len(args) != 2:
            return NotImplemented
        x, y = args
        if not isinstance(x, Tensor) or not x.is_meta or not x.is_floating_point():
            return NotImplemented
        shape = _joint_shape(x, y)
        if shape is None or (inplace and shape != x.shape):
            return NotImplemented
        out = x if inplace else made_of(ledger, shape, x, *([y] if isinstance(y, Tensor) else []))
        ledger.book(name, 0, out.numel(), read_bytes(x) + (read_bytes(y) if isinstance(y, Tensor) else 0), out.nbytes)
        return out

    return rule


def _joint_shape(x: Tensor, y: Any) -> tuple[int, ...] | None:
    """The shape to which both are broadcast; None where there is none, or where the type would change."""
    if not isinstance(y, Tensor):
        return tuple(x.shape) if type(y) in (int, float) else None
    return joint_shape(x.shape, y.shape) if y.dtype == x.dtype else None


def max_pool(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """``F.max_pool2d``: a FLOP for each element of a window; PyTorch always makes the indices (int64) too."""
    x, window = args[:2] if len(args) >= 2 else (None, None)
    options = {"stride": None, "padding": 0, "dilation": 1, "ceil_mode": False, "return_indices": False, **kwargs}
    if not isinstance(x, Tensor) or not x.is_meta or x.dim() != 4 or len(args) > 2 or len(options) != 5:
        return NotImplemented
    stride = window if options["stride"] is None else options["stride"]
    sides = [_pair(value) for value in (window, stride, options["padding"], options["dilation"])]
    if options["return_indices"] or any(side is None for side in sides):
        return NotImplemented
    kernel, step, padding, dilation = (side or (0, 0) for side in sides)
    reach = [dilation[i] * (kernel[i] - 1) + 1 for i in range(2)]
    spare = [step[i] - 1 if options["ceil_mode"] else 0 for i in range(2)]
    new = [(x.shape[2 + i] + 2 * padding[i] - reach[i] + spare[i]) // step[i] + 1 for i in range(2)]
    # The last window begins in the map, or in the padding before it.
    new = [n - (spare[i] > 0 and (n - 1) * step[i] >= x.shape[2 + i] + padding[i]) for i, n in enumerate(new)]
    if min(new) < 1 or any(2 * padding[i] > kernel[i] for i in range(2)):
        return NotImplemented
    if not is_plain(x):
        return NotImplemented
    out = made(ledger, (x.shape[0], x.shape[1], *new), x)
    indices = 8 * out.numel()
    ledger.book("max_pool2d", 0, out.numel() * kernel[0] * kernel[1], read_bytes(x), out.nbytes + indices)
    ledger.pass_by(indices + strided_copy(x))
    return out


def avg_pool(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """``F.avg_pool2d`` as it is called with positional arguments: a FLOP for each element of a window."""
    if kwargs or not 2 <= len(args) <= 6:
        return NotImplemented
    x, window = args[:2]
    stride, padding, ceil_mode = (tuple(args[2:5]) + (None, 0, False)[len(args[2:5]) :])[:3]
    sides = [_pair(value) for value in (window, window if stride is None else stride, padding)]
    if not isinstance(x, Tensor) or not x.is_meta or x.dim() != 4 or ceil_mode or any(side is None for side in sides):
        return NotImplemented
    kernel, step, border = (side or (0, 0) for side in sides)
    new = [(x.shape[2 + i] + 2 * border[i] - kernel[i]) // step[i] + 1 for i in range(2)]
    if min(new) < 1 or any(2 * border[i] > kernel[i] for i in range(2)):
        return NotImplemented
    if not is_plain(x):
        return NotImplemented
    out = made(ledger, (x.shape[0], x.shape[1], *new), x)
    ledger.book("avg_pool2d", 0, out.numel() * kernel[0] * kernel[1], read_bytes(x), out.nbytes)
    return out


def to_one_pixel(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """``F.adaptive_avg_pool2d`` to one pixel: a FLOP for each element read."""
    if kwargs or len(args) != 2 or args[1] not in (1, (1, 1)) or not args[0].is_meta or args[0].dim() != 4:
        return NotImplemented
    x = args[0]
    if not is_plain(x):
        return NotImplemented
    out = made(ledger, (x.shape[0], x.shape[1], 1, 1), x)
    ledger.book("adaptive_avg_pool2d", 0, x.numel(), read_bytes(x), out.nbytes)
    return out


def _pair(value: Any) -> tuple[int, int] | None:
    if type(value) is int:
        return (value, value)
    return tuple(value) if type(value) in (tuple, list) and len(value) == 2 else None


def interpolate(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """``F.interpolate`` to the nearest pixel: no FLOPs."""
    x, options = args[0], dict(zip(("size", "scale_factor", "mode"), args[1:4], strict=False), **kwargs)
    if not isinstance(x, Tensor) or not x.is_meta or x.dim() != 4 or len(args) > 4:
        return NotImplemented
    if options.get("mode", "nearest") != "nearest" or options.get("size") or options.get("recompute_scale_factor"):
        return NotImplemented
    scale = options.get("scale_factor")
    scales = [scale, scale] if type(scale) in (int, float) else list(scale or ())
    new = [math.floor(float(side) * float(by or 0)) for side, by in zip(x.shape[2:], scales, strict=False)]
    if len(scales) != 2 or min(new) < 1:
        return NotImplemented
    if not is_plain(x):
        return NotImplemented
    out = made(ledger, (x.shape[0], x.shape[1], *new), x)
    ledger.book("upsample_nearest2d", 0, 0, read_bytes(x), out.nbytes)
    ledger.pass_by(strided_copy(x))
    return out


def grid_sample(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """``F.grid_sample``: 11 FLOPs an element."""
    if len(args) < 2:
        return NotImplemented
    x, grid = args[:2]
    if not (x.is_meta and grid.is_meta) or x.dim() != 4 or grid.dim() != 4 or x.shape[0] != grid.shape[0]:
        return NotImplemented
    if not is_plain(x):
        return NotImplemented
    out = made(ledger, (x.shape[0], x.shape[1], grid.shape[1], grid.shape[2]), x)
    ledger.book("grid_sample", 0, 11 * out.numel(), read_bytes(x) + read_bytes(grid), out.nbytes)
    return out
