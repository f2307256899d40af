"""conv1x1: the plain 1x1 convolution that adapts a width, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, merge, positive_channels

SCHEMA: dict[str, Setting] = {}


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    positive_channels("conv1x1", in_channels, out_channels)
    return Resolved(settings=merge("conv1x1", SCHEMA, settings))


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    _resolve(in_channels, out_channels, settings)
    weights = in_channels * out_channels
    return BlockCost(params=weights + out_channels, macs=height * width * weights)


INFO = BlockInfo(
    name="conv1x1",
    title="conv1x1",
    kind="convolution",
    factory="surgeon.blocks.conv1x1:Conv1x1",
    summary="Plain biased 1x1 convolution; --adapt plants it where a replacement or removal changes the width.",
    paper="Network In Network, arXiv 1312.4400",
    year=2013,
    source="https://github.com/mavenlin/cuda-convnet",
    changes_channels=True,
    defaults={},
    options={},
    constraints="",
    formula=(r"y_i &= W x_i + b",),
    resolve=_resolve,
    cost=_cost,
    aliases=("pointwise", "adapter"),
    differences=(
        "It is torch's Conv2d with a bias, without normalisation and activation: there is nothing in which forms of "
        "it differ."
    ),
)
