"""Forward methods of the three most frequent modules, which ask their rule without the way through PyTorch's functions.

Only modules of exactly these classes, whose weights nothing replaces during a pass; whatever a rule declines goes the
ordinary way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.profiler.flops.ledger import Ledger
from surgeon.profiler.flops.rules.base import Rule
from surgeon.profiler.flops.rules.table import RULES

Forward = Callable[..., Any]


def shortcut(module: nn.Module, forward: Forward, ledger: Ledger) -> Forward:
    """A forward method that asks the module's rule first; ``forward`` itself where there is none.

    Args:
        module: A module of the twin.
        forward: Its own forward method.
        ledger: Where to book.
    """
    make = _MAKERS.get(type(module))
    call = None if make is None or module._forward_pre_hooks else make(module)
    if call is None:
        return forward
    rule, args, kwargs = call

    def asked(*inputs: Any, **named: Any) -> Any:
        if not named and len(inputs) == 1 and type(inputs[0]) is Tensor:
            with torch._C.DisableTorchFunction():
                out = rule(ledger, (inputs[0], *args), kwargs)
            if out is not NotImplemented:
                return out
        return forward(*inputs, **named)

    return asked


_Call = tuple[Rule, tuple[Any, ...], Mapping[str, Any]]


def _convolution(module: nn.Module) -> _Call | None:
    assert isinstance(module, nn.Conv2d)
    weight = module._parameters.get("weight")
    if weight is None or module.padding_mode != "zeros":
        return None
    options = (module.stride, module.padding, module.dilation, module.groups)
    return RULES[torch.conv2d], (weight, module._parameters.get("bias"), *options), {}


def _batch_norm(module: nn.Module) -> _Call | None:
    mean = module._buffers.get("running_mean")
    return None if mean is None else (RULES[F.batch_norm], (mean,), {"training": False})


def _silu(module: nn.Module) -> _Call | None:
    assert isinstance(module, nn.SiLU)
    return RULES[F.silu], (), {"inplace": module.inplace}


_MAKERS: dict[type[nn.Module], Callable[[nn.Module], _Call | None]] = {
    nn.Conv2d: _convolution,
    nn.BatchNorm2d: _batch_norm,
    nn.SiLU: _silu,
}
