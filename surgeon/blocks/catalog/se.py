"""SE: squeeze-and-excitation, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import (
    Setting,
    adapt_reduction,
    choice,
    integer,
    merge_same_channels,
    number,
    optional,
    rounded,
)
from surgeon.errors import BlockError

TIMM_DIVISOR = 8

SCHEMA = {
    "reduction": Setting(
        default=16, parse=integer(), help="the hidden width is C / reduction, rounded down; at most C"
    ),
    "variant": Setting(
        default="linear",
        parse=choice("linear", "caffe", "timm"),
        help="linear: two layers without bias, the paper's equation; caffe: the authors' release, with biases; "
        "timm: with biases, hidden width a multiple of 8",
    ),
    "rd_ratio": Setting(
        default=None,
        parse=optional(number(0)),
        help="timm: hidden width over C, before it is rounded to a multiple of 8; null takes 1 / reduction",
    ),
}


def hidden_width(channels: int, values: Mapping[str, Any]) -> int:
    """Width between the two layers."""
    if values["variant"] != "timm":
        return channels // int(values["reduction"])
    ratio = 1 / values["reduction"] if values["rd_ratio"] is None else values["rd_ratio"]
    return rounded(channels * ratio, TIMM_DIVISOR)


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    values = merge_same_channels("se", SCHEMA, settings, in_channels, out_channels)
    if values["variant"] == "timm":
        return Resolved(settings=values)
    if values["rd_ratio"] is not None:
        raise BlockError("se: only variant=timm reads rd_ratio; reduction sets the hidden width of the others.")
    notes = adapt_reduction("se", values, "reduction", in_channels, given=settings)
    return Resolved(settings=values, notes=notes)


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    hidden = hidden_width(in_channels, values)
    biases = 0 if values["variant"] == "linear" else hidden + in_channels
    return BlockCost(params=2 * in_channels * hidden + biases, macs=2 * in_channels * hidden)


INFO = BlockInfo(
    name="se",
    title="SE",
    kind="attention",
    factory="surgeon.blocks.se:SE",
    summary="Channel attention: a two-layer network turns the channels' means into one gate a channel.",
    paper="Squeeze-and-Excitation Networks, arXiv 1709.01507",
    year=2017,
    source="https://github.com/moskomule/senet.pytorch",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="reduction at most C",
    formula=(r"y &= x \odot \sigma\big(W_2\, \mathrm{ReLU}(W_1\, \mathrm{mean}_{H,W}(x))\big)",),
    resolve=_resolve,
    cost=_cost,
    aliases=("selayer", "seattention", "se_attention", "seblock", "se_block", "semodule", "squeeze_excitation"),
    differences=(
        "The paper's equation has two layers without biases; so has the PyTorch code that nearly every paste descends "
        "from (moskomule/senet.pytorch, followed at 8cb2669): variant=linear, the default. The authors' Caffe release "
        "(hujie-frank/SENet at 0262d43) gives both layers a bias: variant=caffe. timm adds biases too and rounds the "
        "hidden width to a multiple of 8, at least 8: variant=timm. Where C is smaller than reduction, the paste's "
        "hidden width is zero: no error, and a gate of 0.5 for every channel; here reduction is adapted, or refused."
    ),
    examples=({"variant": "caffe", "reduction": 4}, {"variant": "timm"}),
)
