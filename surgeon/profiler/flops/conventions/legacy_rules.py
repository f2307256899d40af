"""What ultralytics-thop 2.0 counted: fewer types, found by exact type only, and no functional product.

Written from the behaviour of releases 2.0.0 and 2.0.18. Release 2.0.0 took a transposed convolution for a plain one,
which counts each output element instead of each input element: 4 times too many at stride 2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from surgeon.profiler.flops.conventions import rules
from surgeon.profiler.flops.conventions.rules import Rule


def _average_pool(module: Any, inputs: Sequence[Any], output: Any) -> int:
    return int(output.numel())


def _adaptive_average_pool(module: Any, inputs: Sequence[Any], output: Any) -> int:
    window = math.prod(i / o for i, o in zip(inputs[0].shape[2:], output.shape[2:], strict=True))
    return int((window + 1) * int(output.numel()))


def _softmax(module: Any, inputs: Sequence[Any], output: Any) -> int:
    length = int(inputs[0].shape[module.dim])
    return rules.softmax_rows(int(inputs[0].numel()) // length, length)


def _upsample(module: Any, inputs: Sequence[Any], output: Any) -> int:
    """Repeating the nearest value counted once for each output element; it is free today."""
    return int(output.numel()) if module.mode == "nearest" else rules.upsample(module, inputs, output)


_SHARED: tuple[type[nn.Module], ...] = (
    *(nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.PReLU, nn.Linear),
    *(nn.RNNCell, nn.GRUCell, nn.LSTMCell, nn.RNN, nn.GRU, nn.LSTM),
)
"""Counted as today."""
_NORMS: tuple[type[nn.Module], ...] = (
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm, nn.LayerNorm),
    *(nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d),
)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)

RELEASE_2_0_18: Mapping[type[nn.Module], Rule | None] = {
    **{kind: rules.RULES[kind] for kind in _SHARED},
    **dict.fromkeys(_NORMS, rules.normalization),
    **dict.fromkeys(_TRANSPOSED, rules.transposed_convolution),
    **dict.fromkeys((nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d), _average_pool),
    **dict.fromkeys((nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d), _adaptive_average_pool),
    **dict.fromkeys((nn.Upsample, nn.UpsamplingBilinear2d, nn.UpsamplingNearest2d), _upsample),
    nn.Softmax: _softmax,
}
RELEASE_2_0_0: Mapping[type[nn.Module], Rule | None] = {
    **RELEASE_2_0_18,
    **dict.fromkeys(_TRANSPOSED, rules.convolution),
}
RELEASES: Mapping[str, Mapping[type[nn.Module], Rule | None]] = {"2.0.0": RELEASE_2_0_0, "2.0.18": RELEASE_2_0_18}
"""Rules by release of ultralytics-thop."""
