"""SimAM: parameter-free attention, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, merge_same_channels, number

SCHEMA = {
    "e_lambda": Setting(default=1e-4, parse=number(0), help="regularises the variance: lambda of the paper, above 0"),
}


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    return Resolved(settings=merge_same_channels("simam", SCHEMA, settings, in_channels, out_channels))


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    _resolve(in_channels, out_channels, settings)
    return BlockCost(params=0, macs=0)


INFO = BlockInfo(
    name="simam",
    title="SimAM",
    kind="attention",
    factory="surgeon.blocks.simam:SimAM",
    summary="Attention without parameters: each pixel is gated by how far it is from its channel's mean.",
    paper="SimAM: A Simple, Parameter-Free Attention Module for Convolutional Neural Networks, ICML 2021",
    year=2021,
    source="https://github.com/ZjjConan/SimAM",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="e_lambda above 0",
    formula=(
        r"\delta &= (x - \mathrm{mean}_{H,W}(x))^2",
        r"y &= x \odot \sigma\!\left(\frac{\delta}{4 \big(\frac{1}{N - 1} \sum_{H,W} \delta + \lambda\big)} + "
        r"\frac{1}{2}\right)",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("simam_module", "simamattention", "simam_attention"),
    differences=(
        "The authors' code (ZjjConan/SimAM at ae98f43) is followed; pastes are the same lines. In half precision "
        "these overflow where the squares of a channel sum to more than 65504, and the gate becomes the constant 0.62 "
        "without a word (an 80x80 map of standard deviation 4 is enough); a deviation above 255 gives NaN, and so "
        "does a 1x1 map. Here squares and sums are taken in single precision, and a single pixel counts as its own "
        "mean."
    ),
    examples=({"e_lambda": 0.01},),
)
