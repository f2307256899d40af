"""Throwaway copies of a network to count on: without data (meta), or real ones on the CPU."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from surgeon.errors import MeasurementError


def meta_copy(module: nn.Module) -> nn.Module:
    """A copy whose parameters and buffers have shapes and no data, in eval mode and float32.

    Tensors that are plain attributes (a head's strides and anchors) stay real, because heads read their values.

    Raises:
        MeasurementError: The module cannot be copied.
    """
    return _copied(module, "meta").eval()


def cpu_copy(module: nn.Module) -> nn.Module:
    """A real copy on the CPU, in eval mode and float32.

    Raises:
        MeasurementError: The module cannot be copied.
    """
    return _copied(module, "cpu").eval()


def _copied(module: nn.Module, device: str) -> nn.Module:
    """Copy a module; its parameters and buffers are made on ``device`` instead of being copied first."""
    memo: dict[int, Any] = {}
    for tensor in (*module.parameters(), *module.buffers()):
        memo[id(tensor)] = _twin(tensor, device)
    try:
        return copy.deepcopy(module, memo)
    except Exception as error:
        raise MeasurementError(f"the network cannot be copied for counting: {error}") from error


def _twin(tensor: Tensor, device: str) -> Tensor:
    """The same tensor elsewhere; on ``meta`` shape and dtype only. Floating ones become float32."""
    dtype = torch.float32 if tensor.is_floating_point() else tensor.dtype
    if device == "meta":
        data = torch.empty_like(tensor, dtype=dtype, device="meta", requires_grad=False)
    else:
        data = tensor.detach().to(device=device, dtype=dtype, copy=True)
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(data, requires_grad=tensor.requires_grad)
    return data
