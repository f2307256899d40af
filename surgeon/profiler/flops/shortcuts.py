"""Forward methods of the three most frequent modules, which answer without the way through PyTorch's functions.

What does not change from call to call is worked out once. Only modules of exactly these classes, whose weights nothing
replaces during a pass, on contiguous maps; all else goes the ordinary way, to the rules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from surgeon.profiler.flops.ledger import Ledger
from surgeon.profiler.flops.rules.base import META, below_the_modes

Forward = Callable[..., Any]


def shortcut(module: nn.Module, forward: Forward, ledger: Ledger) -> Forward:
    """A forward method that answers at once where it can; ``forward`` itself where there is none.

    Args:
        module: A module of the twin.
        forward: Its own forward method.
        ledger: Where to book.
    """
    make = _MAKERS.get(type(module))
    answer = None if make is None or module._forward_pre_hooks else make(module, ledger)
    if answer is None:
        return forward

    def asked(*inputs: Any, **named: Any) -> Any:
        if not named and len(inputs) == 1 and type(inputs[0]) is Tensor:
            with torch._C.DisableTorchFunction():
                out = answer(inputs[0])
            if out is not None:
                return out
        return forward(*inputs, **named)

    return asked


Answer = Callable[[Tensor], Tensor | None]
"""``answer(x)``: the result, booked; None where the map is not of the usual kind, and nothing is booked."""


def _convolution(module: nn.Module, ledger: Ledger) -> Answer | None:
    assert isinstance(module, nn.Conv2d)
    weight, bias = module._parameters.get("weight"), module._parameters.get("bias")
    if weight is None or not weight.is_meta or module.padding_mode != "zeros" or type(module.padding) is not tuple:
        return None
    kinds, of_group, high, wide = weight.shape
    channels, dtype = of_group * module.groups, weight.dtype
    (down, across), (above, beside), dilation = module.stride, module.padding, module.dilation
    reach_down, reach_across = dilation[0] * (high - 1) + 1 - 2 * above, dilation[1] * (wide - 1) + 1 - 2 * beside
    each, parameters = of_group * high * wide, weight.nbytes + (0 if bias is None else bias.nbytes)

    def answer(x: Tensor) -> Tensor | None:
        shape = x.shape
        if len(shape) != 4 or shape[1] != channels or not x.is_meta or x.dtype != dtype or not x.is_contiguous():
            return None
        rows, columns = (shape[2] - reach_down) // down + 1, (shape[3] - reach_across) // across + 1
        if rows < 1 or columns < 1:
            return None
        with below_the_modes():
            out = torch.empty((shape[0], kinds, rows, columns), dtype=dtype, device=META)
        written = out.nbytes
        ledger.hold(out, written)
        ledger.book("convolution", shape[0] * kinds * rows * columns * each, 0, x.nbytes + parameters, written)
        return out

    return answer


def _batch_norm(module: nn.Module, ledger: Ledger) -> Answer | None:
    mean = module._buffers.get("running_mean")
    if mean is None:
        return None
    channels, statistics = mean.shape[0], mean.nbytes

    def answer(x: Tensor) -> Tensor | None:
        shape = x.shape
        if len(shape) != 4 or shape[1] != channels or not x.is_meta or not x.is_contiguous():
            return None
        with below_the_modes():
            out = torch.empty(shape, dtype=x.dtype, device=META)
        size = x.nbytes
        ledger.hold(out, size)
        ledger.book("batch_norm", 0, 2 * x.numel(), size + 4 * statistics, size)
        ledger.pass_by(2 * statistics)
        return out

    return answer


def _silu(module: nn.Module, ledger: Ledger) -> Answer | None:
    assert isinstance(module, nn.SiLU)
    if not module.inplace:
        return None

    def answer(x: Tensor) -> Tensor | None:
        if not x.is_meta or not x.is_contiguous() or not x.is_floating_point():
            return None
        size = x.nbytes
        ledger.book("silu", 0, x.numel(), size, size)
        return x

    return answer


_MAKERS: dict[type[nn.Module], Callable[[nn.Module, Ledger], Answer | None]] = {
    nn.Conv2d: _convolution,
    nn.BatchNorm2d: _batch_norm,
    nn.SiLU: _silu,
}
