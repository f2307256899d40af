"""NAM: normalization-based attention, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, merge_same_channels

SCHEMA: dict[str, Setting] = {}


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    return Resolved(settings=merge_same_channels("nam", SCHEMA, settings, in_channels, out_channels))


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    _resolve(in_channels, out_channels, settings)
    return BlockCost(params=2 * in_channels, macs=0)


INFO = BlockInfo(
    name="nam",
    title="NAM",
    kind="attention",
    factory="surgeon.blocks.nam:NAM",
    summary="A BatchNorm of the map, weighted by each channel's share of the scales, gates the map.",
    paper="NAM: Normalization-based Attention Module, arXiv 2111.12419",
    year=2021,
    source="https://github.com/Christian-lyc/NAM",
    changes_channels=False,
    defaults={},
    options={},
    constraints="",
    formula=(
        r"y &= x \odot \sigma\!\left(\frac{\lvert \gamma \rvert}{\sum_c \lvert \gamma_c \rvert} \odot "
        r"\mathrm{BN}_{\gamma, \beta}(x)\right)",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("namattention", "nam_attention", "channel_att"),
    differences=(
        "Followed is the authors' code (Christian-lyc/NAM at 6e8d3e3), and pastes are the same lines; their required "
        "argument shape is used nowhere and is gone. Channel attention alone: the code has no spatial part. The "
        "shares take no gradient, as in the code. Scales that are all zero give NaN there, and a gate of 0.5 here. At "
        "the start each share is 1/C, so the gate lies near 0.5 for every wide map: the block is weak until it has "
        "trained."
    ),
)
