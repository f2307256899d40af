"""Triplet attention, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, flag, merge_same_channels

SCHEMA = {
    "no_spatial": Setting(default=False, parse=flag, help="true: without the branch over height and width"),
}


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    return Resolved(settings=merge_same_channels("tripletattention", SCHEMA, settings, in_channels, out_channels))


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    both = _resolve(in_channels, out_channels, settings).settings["no_spatial"]
    planes = in_channels * (height + width) + (0 if both else height * width)
    return BlockCost(params=200 if both else 300, macs=98 * planes)


INFO = BlockInfo(
    name="tripletattention",
    title="TripletAttention",
    kind="attention",
    factory="surgeon.blocks.tripletattention:TripletAttention",
    summary="Three 7x7 gates over (channels, width), (height, channels) and (height, width), averaged.",
    paper="Rotate to Attend: Convolutional Triplet Attention Module, arXiv 2010.03045",
    year=2020,
    source="https://github.com/landskape-ai/triplet-attention",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="",
    formula=(
        r"g_A(x) &= x \odot \sigma\big(\mathrm{BN}(K^A_{7 \times 7}\, [\mathrm{max}_A(x); \mathrm{mean}_A(x)])\big)",
        r"y &= \tfrac{1}{3} \big(g_H(x) + g_W(x) + g_C(x)\big)",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("triplet", "triplet_attention_module", "tripletatt"),
    differences=(
        "Followed is the authors' code (landskape-ai/triplet-attention at 2cf02fb, triplet_attention.py); its folder "
        "MODELS has the same under older names, and pastes are the same lines. The gates read the maximum before the "
        "mean; their BatchNorm has momentum 0.01."
    ),
    examples=({"no_spatial": True},),
)
