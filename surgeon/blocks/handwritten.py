"""When a forward and a backward pass written by hand may take the place of the operators that autograd records.

Such a pass does not call its layers and hides its steps. So only where nobody would notice: no hook on a layer, no
graph being recorded, no mode that watches functions or operators (a counter of products), no transform of `torch.func`,
no autocast, no subclass of a tensor; and on a CPU, where the gain was measured.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from surgeon.blocks.common import one_graph
from surgeon.blocks.fresh import unwatched

KINDS = (torch.float32, torch.float64)


def serves(*tensors: Tensor) -> bool:
    """Whether a pass by hand may compute with ``tensors``: plain, on a CPU, of one wide type, and none of them empty.

    Args:
        tensors: Maps and parameters, the map first.
    """
    kind = tensors[0].dtype
    if kind not in KINDS or one_graph() or torch.is_autocast_enabled("cpu"):
        return False
    watched = torch._C._len_torch_dispatch_stack() or torch._C._len_torch_function_stack()
    if watched or forward_ad._current_level >= 0 or torch._C._are_functorch_transforms_active():
        return False
    return all(
        type(t) in (Tensor, nn.Parameter) and t.dtype == kind and t.device.type == "cpu" and t.numel() > 0
        for t in tensors
    )


def differentiates(*tensors: Tensor) -> bool:
    """Whether a pass by hand may compute with ``tensors``, and a gradient of one of them will be asked for."""
    return torch.is_grad_enabled() and any(t.requires_grad for t in tensors) and serves(*tensors)


def unobserved(*layers: nn.Module) -> bool:
    """Whether nobody would notice that ``layers`` are not called, in the backward pass neither."""
    everywhere = nn.modules.module
    if everywhere._global_backward_hooks or everywhere._global_backward_pre_hooks:
        return False
    return all(unwatched(layer) and not layer._backward_hooks and not layer._backward_pre_hooks for layer in layers)
