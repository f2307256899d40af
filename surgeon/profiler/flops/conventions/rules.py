"""What ultralytics-thop counts for one call of a module, from its type, its settings and the shapes it saw.

Written from the behaviour of ultralytics-thop 2.2.3; a test holds it to that of the installed release. A rule looks at
shapes only. A type is counted by the rule of its nearest ancestor that has one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from torch import nn
from torch.nn.modules import batchnorm, dropout, padding, pooling

from surgeon.profiler.flops.conventions.attention import module_attention
from surgeon.profiler.flops.conventions.recurrent import recurrent_cell, recurrent_layer

Rule = Callable[[Any, Sequence[Any], Any], float]
"""``rule(module, inputs, output)``: operations of one call, a multiply-accumulate counted as one."""

_UPSAMPLING = {"linear": 5, "bilinear": 11, "trilinear": 31, "bicubic": 259}
"""Operations for each output element; other modes are free."""


def convolution(module: Any, inputs: Sequence[Any], output: Any) -> int:
    """A MAC for every output element, input channel of its group and kernel position."""
    channels = int(inputs[0].shape[1 - module.weight.dim()])
    return int(output.numel()) * (channels // int(module.groups)) * _positions(module)


def transposed_convolution(module: Any, inputs: Sequence[Any], output: Any) -> int:
    """A MAC for every input element, output channel of its group and kernel position."""
    channels = int(output.shape[1 - module.weight.dim()])
    return int(inputs[0].numel()) * (channels // int(module.groups)) * _positions(module)


def normalization(module: Any, inputs: Sequence[Any], output: Any) -> int:
    """2 for an element, 4 where a scale and a shift are learnt."""
    learnt = getattr(module, "affine", False) or getattr(module, "elementwise_affine", False)
    return (4 if learnt else 2) * int(inputs[0].numel())


def linear(module: Any, inputs: Sequence[Any], output: Any) -> int:
    """Input features for every output element."""
    return int(module.in_features) * int(output.numel())


def upsample(module: Any, inputs: Sequence[Any], output: Any) -> int:
    """By the mode, for every output element."""
    return _UPSAMPLING.get(module.mode, 0) * int(output.numel())


def prelu(module: Any, inputs: Sequence[Any], output: Any) -> int:
    """1 for an element, in evaluation."""
    return 0 if module.training else int(inputs[0].numel())


def softmax(module: Any, inputs: Sequence[Any], output: Any) -> int:
    """Per row of n values n exponentials, n - 1 additions, n divisions; the variants add a negation or a difference."""
    x = inputs[0]
    if not x.dim():
        length, rows = 1, 1
    else:
        length = int(x.shape[_softmax_axis(module, x.dim())])
        rows = int(x.numel()) // length if length else 0
    extra = int(x.numel()) if isinstance(module, nn.Softmin) else rows if isinstance(module, nn.LogSoftmax) else 0
    return softmax_rows(rows, length) + extra


def softmax_rows(rows: int, length: int) -> int:
    """Operations of a softmax over each of ``rows`` rows."""
    return rows * (2 * length + max(length - 1, 0))


def average_pool(module: Any, inputs: Sequence[Any], output: Any) -> int:
    """An addition for each value in a window, a division for each output."""
    axes = 3 if isinstance(module, nn.AvgPool3d) else 1 if isinstance(module, nn.AvgPool1d) else 2
    kernel, stride, pad = (_per_axis(v, axes) for v in (module.kernel_size, module.stride, module.padding))
    values: int = math.prod(inputs[0].shape[:-axes])
    for axis in range(axes):
        size = int(inputs[0].shape[axis - axes])
        low, high = (-pad[axis], size + pad[axis]) if module.count_include_pad else (0, size)
        starts = (i * stride[axis] - pad[axis] for i in range(int(output.shape[axis - axes])))
        values *= sum(max(min(start + kernel[axis], high) - max(start, low), 0) for start in starts)
    return values + int(output.numel())


def adaptive_average_pool(module: Any, inputs: Sequence[Any], output: Any) -> int:
    """An addition for each value in a window, a division for each output; windows overlap where sizes do not divide."""
    values = 1
    for size, out in zip(inputs[0].shape, output.shape, strict=False):
        values *= out if size == out else sum(-(-(j + 1) * size // out) - j * size // out for j in range(out))
    return int(values) + int(output.numel())


def bilinear(module: Any, inputs: Sequence[Any], output: Any) -> int:
    """Both contractions of each output."""
    return (int(module.in1_features) + 1) * int(module.in2_features) * int(output.numel())


def _positions(module: Any) -> int:
    """Kernel positions of a convolution."""
    return math.prod(int(side) for side in module.weight.shape[2:])


def _softmax_axis(module: Any, dims: int) -> int:
    if isinstance(module, nn.Softmax2d):
        return -3
    if module.dim is not None:
        return int(module.dim)
    return 0 if dims in (1, 3) else 1


def _per_axis(value: int | Sequence[int], axes: int) -> tuple[int, ...]:
    return (value,) * axes if isinstance(value, int) else tuple(value)


_FREE: tuple[type[nn.Module], ...] = (
    *(padding._ConstantPadNd, padding._ReflectionPadNd, padding._ReplicationPadNd, padding._CircularPadNd),
    *(dropout._DropoutNd, nn.ReLU, nn.ReLU6, nn.LeakyReLU),
    *(nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.FractionalMaxPool2d, nn.FractionalMaxPool3d, pooling._MaxUnpoolNd),
    *(nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d),
    *(nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict),
    *(nn.Identity, nn.Flatten, nn.Unflatten, nn.Unfold, nn.PixelShuffle, nn.PixelUnshuffle, nn.ChannelShuffle),
    nn.Embedding,
)
"""Known and free: a subclass of these has no rule either, and what it calls functionally is counted."""

RULES: dict[type[nn.Module], Rule | None] = {
    **dict.fromkeys(_FREE),
    **dict.fromkeys((nn.Conv1d, nn.Conv2d, nn.Conv3d), convolution),
    **dict.fromkeys((nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d), transposed_convolution),
    **dict.fromkeys((batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm), normalization),
    **dict.fromkeys((nn.Softmax, nn.LogSoftmax, nn.Softmin, nn.Softmax2d), softmax),
    **dict.fromkeys((nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d), average_pool),
    **dict.fromkeys((nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d), adaptive_average_pool),
    **dict.fromkeys((nn.Upsample, nn.UpsamplingBilinear2d, nn.UpsamplingNearest2d), upsample),
    **dict.fromkeys((nn.RNNCell, nn.GRUCell, nn.LSTMCell), recurrent_cell),
    **dict.fromkeys((nn.RNN, nn.GRU, nn.LSTM), recurrent_layer),
    nn.PReLU: prelu,
    nn.Linear: linear,
    nn.Bilinear: bilinear,
    nn.MultiheadAttention: module_attention,
}


def rule_of(kind: type[nn.Module]) -> Rule | None:
    """The rule by which a type of module is counted, None where it is free or unknown."""
    for ancestor in kind.__mro__:
        if ancestor in RULES:
            return RULES[ancestor]
    return None
