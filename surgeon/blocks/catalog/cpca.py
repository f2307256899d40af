"""CPCA: channel prior convolutional attention, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, adapt_reduction, integer, merge_same_channels

STRIPS = (7, 11, 21)

SCHEMA = {
    "reduction": Setting(
        default=4, parse=integer(), help="the channel attention's hidden width is C / reduction, rounded down"
    ),
}


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    values = merge_same_channels("cpca", SCHEMA, settings, in_channels, out_channels)
    notes = adapt_reduction("cpca", values, "reduction", in_channels, given=settings)
    return Resolved(settings=values, notes=notes)


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    c, n = in_channels, height * width
    hidden, depthwise = c // values["reduction"], c * (25 + 2 * sum(STRIPS))
    params = c * c + depthwise + 2 * c * hidden + hidden + 9 * c
    return BlockCost(params=params, macs=n * (3 * c * c + depthwise) + 4 * c * hidden)


INFO = BlockInfo(
    name="cpca",
    title="CPCA",
    kind="attention",
    factory="surgeon.blocks.cpca:CPCA",
    summary="Channel attention from means and maxima, then attention from depthwise strips of 7, 11 and 21 pixels.",
    paper="Channel prior convolutional attention for medical image segmentation, arXiv 2306.05196",
    year=2023,
    source="https://github.com/Cuthbert-Huang/CPCANet",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="reduction at most C",
    formula=(
        r"f(t) &= W_2\, \mathrm{ReLU}(W_1 t), \qquad u = \mathrm{GELU}(W x)",
        r"u' &= u \odot \big(\sigma(f(\mathrm{mean}_{H,W}(u))) + \sigma(f(\mathrm{max}_{H,W}(u)))\big), \qquad b = "
        r"D_{5 \times 5}\, u'",
        r"s &= b + \sum_{k \in \{7, 11, 21\}} D_{k \times 1}\, D_{1 \times k}\, b",
        r"y &= W\, (W s \odot u')",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("channel_prior_convolutional_attention", "cpca_attention"),
    differences="Followed is the class RepBlock of CPCANet.py (commit 550b49a), whose channelAttention_reduce is "
    "reduction here; the common paste is equal. Its single 1x1 convolution serves three times, before the channel "
    "attention, after the strips and at the end: kept, since weights are trained so. It takes an output width, but "
    "works only where that equals the input's.",
    examples=({"reduction": 2},),
)
