"""BRA: bi-level routing attention of BiFormer, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import (
    Setting,
    adapt,
    choice,
    divisors,
    integer,
    merge_same_channels,
    number,
    optional,
)

SCHEMA = {
    "num_heads": Setting(default=8, parse=integer(), help="attention heads; divides the channels"),
    "n_win": Setting(default=7, parse=integer(), help="regions along a side: their size is H // n_win by W // n_win"),
    "qk_scale": Setting(default=None, parse=optional(number()), help="factor on the logits; null takes C^-0.5"),
    "topk": Setting(default=4, parse=integer(), help="regions that each region attends to"),
    "side_dwconv": Setting(default=3, parse=integer(odd=True), help="side of the depthwise kernel on the values, odd"),
    "variant": Setting(
        default="nchw",
        parse=choice("nchw", "legacy"),
        help="nchw: the authors' later code; legacy: their first, the one pasted, which fills the map up beforehand",
    ),
}


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    values = merge_same_channels("bra", SCHEMA, settings, in_channels, out_channels)
    reason = f"heads must divide the {in_channels} channels"
    notes = adapt("bra", values, "num_heads", divisors(in_channels), reason, given=settings)
    return Resolved(settings=values, notes=notes)


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    c, taps, n_win = in_channels, values["side_dwconv"] ** 2, values["n_win"]
    if values["variant"] == "legacy":
        height, width = (-(-side // n_win) * n_win for side in (height, width))
    down, across = (max(1, side // n_win) for side in (height, width))
    regions, area = -(-height // down) * -(-width // across), down * across
    attended = min(values["topk"], regions) * area
    return BlockCost(
        params=4 * c * c + 4 * c + c * (taps + 1),
        macs=height * width * (4 * c * c + taps * c) + regions**2 * c + 2 * regions * area * attended * c,
    )


INFO = BlockInfo(
    name="bra",
    title="BRA",
    kind="attention",
    factory="surgeon.blocks.bra:BRA",
    summary="Attention of each region to the few regions that its mean query finds most alike.",
    paper="BiFormer: Vision Transformer with Bi-Level Routing Attention, arXiv 2303.08810",
    year=2023,
    source="https://github.com/rayleizhu/BiFormer",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="num_heads divides C, side_dwconv is odd",
    formula=(
        r"[q; k; v] &= W x, \qquad I(r) = \mathrm{topk}_{r'}\big(\bar q_r^\top\, \bar k_{r'}\big) \qquad \bar q_r, "
        r"\bar k_r: \text{means of region } r",
        r"o_i &= \sum_{j \in I(r(i))} \mathrm{softmax}_j\!\left(\frac{q_i^\top k_j}{\sqrt{C}}\right) v_j \qquad "
        r"\text{per head}",
        r"y &= W_o\, (o + D_{3 \times 3}\, v)",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("biformer", "bi_level_routing_attention", "bi_level_routing_attention_nchw", "nchw_bra"),
    differences="Followed is nchwBRA of rayleizhu/BiFormer@1697bbb (ops/bra_nchw.py). Its regions measure H // n_win "
    "by W // n_win pixels, so that n_win=7 makes 10 x 10 regions of a 20 x 20 map and 13 x 13 of a 13 x "
    "13 one; zeros that fill the last regions up count as keys, and the logits are divided by sqrt(C), "
    "not by sqrt(C / heads). A map smaller than n_win, or one with fewer regions than topk, crashes "
    "there: here a region has at least one pixel, and all regions are taken. The pasted "
    "BiLevelRoutingAttention is the authors' first class (variant=legacy, whose arguments come in the "
    "order dim, n_win, num_heads): it fills the map up to n_win equal regions before the projection, so "
    "that the filling carries the biases; both agree where n_win divides height and width. Routing runs "
    "in single precision at least: in half precision other regions win.",
    examples=(
        {"variant": "legacy", "n_win": 3, "num_heads": 4, "topk": 2},
        {"n_win": 2, "num_heads": 2, "topk": 3, "qk_scale": 0.5, "side_dwconv": 5},
    ),
)
