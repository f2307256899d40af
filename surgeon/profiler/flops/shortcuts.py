"""Forward methods of the most frequent modules: watched, answered and booked in one step.

What does not change from call to call is worked out once. Only modules of exactly these classes, whose weights nothing
replaces during a pass, on contiguous maps; all else goes the ordinary way, through PyTorch's functions to the rules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch._C import DisableTorchFunction

from surgeon.profiler.flops.ledger import Ledger
from surgeon.profiler.flops.rules.base import blank

Forward = Callable[..., Any]

Watch = Callable[[str, nn.Module, Forward], Forward]
"""Gives the watched form of a module's own forward method, by path, module and method."""

Make = Callable[[str, Any, Forward, Watch, Ledger], Forward | None]
"""``make(path, module, forward, watch, ledger)``: a forward method that answers and books at once, or None for a module
of an unusual kind. ``watch`` is for calls with something unusual."""


def _convolution(path: str, module: Any, forward: Forward, watch: Watch, ledger: Ledger) -> Forward | None:
    weight, bias = module._parameters.get("weight"), module._parameters.get("bias")
    if weight is None or not weight.is_meta or module.padding_mode != "zeros" or type(module.padding) is not tuple:
        return None
    kinds, of_group, high, wide = weight.shape
    channels, dtype = of_group * module.groups, weight.dtype
    (down, across), (above, beside), dilation = module.stride, module.padding, module.dilation
    reach_down, reach_across = dilation[0] * (high - 1) + 1 - 2 * above, dilation[1] * (wide - 1) + 1 - 2 * beside
    each, parameters = of_group * high * wide, weight.nbytes + (0 if bias is None else bias.nbytes)

    def convolve(input: Tensor) -> Any:
        if type(input) is Tensor:
            with DisableTorchFunction():
                shape = input.shape
                if len(shape) == 4 and shape[1] == channels and input.dtype == dtype and _is_usual(input):
                    rows, columns = (shape[2] - reach_down) // down + 1, (shape[3] - reach_across) // across + 1
                    if rows > 0 and columns > 0:
                        out = blank((shape[0], kinds, rows, columns), dtype)
                        macs, written = shape[0] * kinds * rows * columns * each, out.nbytes
                        ledger.hold(out, written)
                        ledger.book_leaf(path, "convolution", (macs, 0, input.nbytes + parameters, written))
                        return out
        return watch(path, module, forward)(input)

    return convolve


def _batch_norm(path: str, module: Any, forward: Forward, watch: Watch, ledger: Ledger) -> Forward | None:
    mean = module._buffers.get("running_mean")
    if mean is None:
        return None
    channels, statistics = mean.shape[0], mean.nbytes

    def normalise(input: Tensor) -> Any:
        if type(input) is Tensor:
            with DisableTorchFunction():
                shape = input.shape
                if len(shape) == 4 and shape[1] == channels and _is_usual(input):
                    out, size = blank(shape, input.dtype), input.nbytes
                    ledger.hold(out, size)
                    ledger.book_leaf(path, "batch_norm", (0, 2 * input.numel(), size + 4 * statistics, size))
                    ledger.pass_by(2 * statistics)
                    return out
        return watch(path, module, forward)(input)

    return normalise


def _silu(path: str, module: Any, forward: Forward, watch: Watch, ledger: Ledger) -> Forward | None:
    inplace = module.inplace

    def activate(input: Tensor) -> Any:
        if type(input) is Tensor:
            with DisableTorchFunction():
                if input.is_floating_point() and _is_usual(input):
                    size = input.nbytes
                    if inplace:
                        out = input
                    else:
                        out = blank(input.shape, input.dtype)
                        ledger.hold(out, size)
                    ledger.book_leaf(path, "silu", (0, input.numel(), size, size))
                    return out
        return watch(path, module, forward)(input)

    return activate


def _is_usual(input: Tensor) -> bool:
    return input.is_meta and input.is_contiguous()


MAKERS: dict[type[nn.Module], Make] = {nn.Conv2d: _convolution, nn.BatchNorm2d: _batch_norm, nn.SiLU: _silu}
