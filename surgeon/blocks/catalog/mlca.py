"""MLCA: mixed local channel attention, as data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, integer, merge_same_channels, number
from surgeon.errors import BlockError

SCHEMA = {
    "local_size": Setting(default=5, parse=integer(), help="the map is averaged over local_size x local_size cells"),
    "gamma": Setting(default=2, parse=number(), help="kernel length: the odd number from |log2(C) + b| / gamma up"),
    "b": Setting(default=1, parse=number(), help="kernel length: the odd number from |log2(C) + b| / gamma up"),
    "local_weight": Setting(default=0.5, parse=number(), help="share of the local attention in the mixture"),
}


def kernel_size(channels: int, gamma: float, b: float) -> int:
    """Length of both kernels, which follows from the width as in ECA."""
    length = int(abs(math.log2(channels) + b) / gamma)
    return length if length % 2 else length + 1


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    values = merge_same_channels("mlca", SCHEMA, settings, in_channels, out_channels)
    if values["gamma"] <= 0:
        raise BlockError(f"mlca: gamma={values['gamma']} does not work: the kernel length is divided by it; above 0.")
    return Resolved(settings=values)


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    k = kernel_size(in_channels, values["gamma"], values["b"])
    return BlockCost(params=2 * k, macs=k * in_channels * (values["local_size"] ** 2 + 1))


INFO = BlockInfo(
    name="mlca",
    title="MLCA",
    kind="attention",
    factory="surgeon.blocks.mlca:MLCA",
    summary="Channel attention from the whole map, mixed with channel attention of each cell of a 5x5 grid.",
    paper="Mixed local channel attention for object detection, Engineering Applications of AI 123 (2023)",
    year=2023,
    source="https://github.com/wandahangFY/MLCA",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="any width; gamma above 0",
    formula=(
        r"P &= \mathrm{pool}_{5 \times 5}(x), \qquad g = \mathrm{mean}_{\text{cells}}(P)",
        r"A &= (1 - w)\, \sigma(\kappa * g) + w\, \sigma(\kappa' * \mathrm{vec}(P)), \qquad w = 0.5",
        r"y &= x \odot \mathrm{pool}_{H \times W}(A)",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("mixed_local_channel_attention",),
    differences="Followed is the authors' MLCA.py (commit afbeb47); the common paste is identical, its in_size being "
    "the channels. Three things differ from what one would expect and are kept, since weights are trained with them: "
    "the cells are one sequence, so that the local kernel crosses from the last channel of a cell into the next "
    "cell; the attention grows back by adaptive average pooling, not by nearest neighbours; the global mean is the "
    "mean of the cells. Theirs cannot be exported to ONNX at sizes that are no multiple of the grid; here both "
    "poolings are products with small matrices, which export at any size.",
    examples=({"local_size": 3, "local_weight": 0.3, "gamma": 1, "b": 2},),
)
