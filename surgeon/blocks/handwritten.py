"""When a forward and a backward pass written by hand may take the place of the operators that autograd records.

Such a pass does not call its layers and hides its steps. So only where nobody would notice: no hook on a layer, no
graph being recorded, no mode that watches functions or operators (a counter of products), no transform of `torch.func`,
no autocast, no subclass of a tensor; and on a CPU, where the gain was measured.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from surgeon.blocks.common import one_graph

KINDS = (torch.float32, torch.float64)


def serves(x: Tensor, *others: Tensor) -> bool:
    """Whether a pass by hand may compute with these tensors: plain, on a CPU and of one wide type.

    Args:
        x: The map; not empty.
        others: Further maps and parameters.
    """
    kind = x.dtype
    if kind not in KINDS or type(x) is not Tensor or not x.is_cpu or one_graph() or torch.is_autocast_enabled("cpu"):
        return False
    watched = torch._C._len_torch_dispatch_stack() or torch._C._len_torch_function_stack()
    if watched or forward_ad._current_level >= 0 or torch._C._are_functorch_transforms_active():
        return False
    for t in others:  # not all(...): with a dozen tensors a generator takes as long as a small operator
        if t.dtype is not kind or not t.is_cpu or type(t) not in (nn.Parameter, Tensor):
            return False
    return x.numel() > 0


def differentiates(*tensors: Tensor) -> bool:
    """Whether a pass by hand may compute with ``tensors``, and a gradient of one of them will be asked for."""
    return torch.is_grad_enabled() and any(t.requires_grad for t in tensors) and serves(*tensors)


def unobserved(layers: Iterable[nn.Module]) -> bool:
    """Whether nobody would notice that ``layers`` are not called, in the backward pass neither."""
    everywhere = nn.modules.module
    if (
        everywhere._global_forward_hooks
        or everywhere._global_forward_pre_hooks
        or everywhere._global_backward_hooks
        or everywhere._global_backward_pre_hooks
    ):
        return False
    for layer in layers:
        hooks = layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks or layer._backward_pre_hooks
        if hooks or "forward" in layer.__dict__:
            return False
    return True
