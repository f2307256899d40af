"""The rules by which the frequent functions of a network are answered from shapes alone, and booked.

PyTorch's own shape functions of convolution and batch normalisation take a hundred times longer than a formula does,
and import its compiler. A rule that is not sure declines, and the operators are counted instead.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from surgeon.profiler.flops.rules.base import Rule
from surgeon.profiler.flops.rules.layout import (
    arange,
    cat,
    conversion,
    free,
    full,
    item,
    layout,
    new_full,
    stack,
    type_as,
)
from surgeon.profiler.flops.rules.maps import (
    avg_pool,
    batch_norm,
    binary,
    grid_sample,
    interpolate,
    layer_norm,
    max_pool,
    softmax,
    to_one_pixel,
    unary,
)
from surgeon.profiler.flops.rules.products import convolution, linear, matmul, transposed

_UNARY: tuple[Any, ...] = (
    *(F.silu, F.relu, F.relu6, F.gelu, F.hardswish, F.hardsigmoid, F.leaky_relu, F.elu, F.mish, F.softplus),
    *(torch.relu, torch.sigmoid, torch.tanh, torch.exp, Tensor.relu, Tensor.sigmoid, Tensor.tanh, Tensor.exp),
    *(torch.sin, torch.cos, Tensor.sin, Tensor.cos, Tensor.sqrt, torch.sqrt, Tensor.neg, Tensor.__neg__),
)

_BINARY: tuple[Any, ...] = (
    *(torch.add, torch.sub, torch.mul, torch.div, Tensor.add, Tensor.sub, Tensor.mul, Tensor.div, Tensor.__add__),
    *(Tensor.__radd__, Tensor.__sub__, Tensor.__mul__, Tensor.__rmul__, Tensor.__truediv__, Tensor.__rsub__),
    Tensor.__rpow__,
)

_INPLACE: tuple[Any, ...] = (Tensor.add_, Tensor.mul_, Tensor.__iadd__, Tensor.__imul__)

_SOFTMAX: tuple[Any, ...] = (Tensor.softmax, torch.softmax, F.softmax)

_FREE: tuple[Any, ...] = (
    *(Tensor.view, Tensor.permute, Tensor.transpose, Tensor.unsqueeze, Tensor.squeeze, Tensor.expand, Tensor.chunk),
    *(Tensor.split, torch.split, torch.chunk, torch.unbind, Tensor.unbind, Tensor.narrow, Tensor.select),
    *(torch.permute, torch.transpose, torch.unsqueeze, torch.squeeze, torch.meshgrid),
)

_LAYOUT: tuple[Any, ...] = (Tensor.reshape, torch.reshape, Tensor.flatten, torch.flatten, Tensor.contiguous)

_CONVERSIONS: tuple[Any, ...] = (Tensor.to, Tensor.type, Tensor.float)

RULES: dict[Any, Rule] = {
    torch.conv1d: convolution,
    torch.conv2d: convolution,
    torch.conv3d: convolution,
    torch.conv_transpose2d: transposed,
    F.avg_pool2d: avg_pool,
    F.adaptive_avg_pool2d: to_one_pixel,
    F.batch_norm: batch_norm,
    F.layer_norm: layer_norm,
    F.linear: linear,
    torch.matmul: matmul,
    torch.bmm: matmul,
    Tensor.matmul: matmul,
    Tensor.__matmul__: matmul,
    torch.cat: cat,
    F.grid_sample: grid_sample,
    **{func: unary(func.__name__) for func in _UNARY},
    **dict.fromkeys(_SOFTMAX, softmax),
    **{func: binary(func.__name__.strip("_")) for func in _BINARY},
    **{func: binary(func.__name__.strip("_"), inplace=True) for func in _INPLACE},
    F.interpolate: interpolate,
    F.max_pool2d: max_pool,
    torch.stack: stack,
    torch.arange: arange,
    Tensor.type_as: type_as,
    Tensor.__getitem__: item,
    torch.full: full,
    Tensor.new_full: new_full,
    **{func: free(func) for func in _FREE},
    **{func: layout(func) for func in _LAYOUT},
    **{func: conversion(func) for func in _CONVERSIONS},
}
