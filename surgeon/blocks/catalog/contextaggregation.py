"""ContextAggregation of CATNet, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, integer, merge_same_channels

SCHEMA = {
    "reduction": Setting(
        default=1, parse=integer(), help="the context has C / reduction channels, rounded down, at least 1"
    ),
}


def context_width(channels: int, reduction: int) -> int:
    """Channels of the context."""
    return max(channels // reduction, 1)


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    return Resolved(settings=merge_same_channels("contextaggregation", SCHEMA, settings, in_channels, out_channels))


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    wide, n = in_channels, height * width
    c = context_width(wide, values["reduction"])
    macs = n * (2 * wide + wide * c + c) + c * wide
    executed = 3 * n * wide + 2 * wide * c
    return BlockCost(params=2 * wide * c + 3 * wide + c + 2, macs=macs, executed=executed if executed < macs else None)


INFO = BlockInfo(
    name="contextaggregation",
    title="ContextAggregation",
    kind="attention",
    factory="surgeon.blocks.contextaggregation:ContextAggregation",
    summary="Add one vector of the whole map, an average weighted by a softmax, as far as each pixel's gate admits it.",
    paper="Learning to Aggregate Multi-Scale Context for Instance Segmentation in Remote Sensing Images, "
    "arXiv 2111.11057",
    year=2021,
    source="https://github.com/yeliudev/CATNet",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="any width",
    formula=(r"y_i &= x_i + \sigma(w_a^\top x_i)\; W_m \sum_j \mathrm{softmax}_j(w_k^\top x_j)\, W_v x_j",),
    resolve=_resolve,
    cost=_cost,
    aliases=("context_aggregation", "contextagg", "catnet"),
    differences="Followed is CATNet's scp.py (commit 64775d0). Pastes are the same, on mmcv's ConvModule or on plain "
    "convolutions, the latter with Kaiming initialisation; the authors' last convolution starts at zero, so that the "
    "block begins as the identity (behind a closed gate it does not, or neither would ever learn). CATNet plants one "
    "block in each pyramid level, without weights in common. The value convolution runs on the pooled vector here "
    "rather than on each pixel before it is pooled: the same numbers.",
    examples=({"reduction": 4},),
    zero_gradients=("k.bias",),
)
