"""CoordAtt: coordinate attention, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, choice, integer, merge_same_channels, optional, rounded

LEAST = 8  # smallest hidden width, in both codes

SCHEMA = {
    "reduction": Setting(
        default=None,
        parse=optional(integer()),
        help="the hidden width is C / reduction, at least 8 (timm: two thirds of it, a multiple of 8); null takes 32 "
        "(timm: 16)",
    ),
    "variant": Setting(
        default="official",
        parse=choice("official", "timm"),
        help="official: the authors' code, with biases; timm: without biases, its own hidden width",
    ),
}


def hidden_width(channels: int, values: Mapping[str, Any]) -> int:
    """Width between the layers."""
    if values["variant"] == "timm":
        return rounded(channels * (1 / (values["reduction"] or 16)) * (2 / 3), LEAST)
    return max(LEAST, channels // int(values["reduction"] or 32))


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    return Resolved(settings=merge_same_channels("coordatt", SCHEMA, settings, in_channels, out_channels))


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    c, m = in_channels, hidden_width(in_channels, values)
    biases = m + 2 * c if values["variant"] == "official" else 0
    return BlockCost(params=3 * c * m + 2 * m + biases, macs=2 * c * m * (height + width))


INFO = BlockInfo(
    name="coordatt",
    title="CoordAtt",
    kind="attention",
    factory="surgeon.blocks.coordatt:CoordAtt",
    summary="Gates along the height and along the width, from the means over the other axis.",
    paper="Coordinate Attention for Efficient Mobile Network Design, arXiv 2103.02907",
    year=2021,
    source="https://github.com/houqb/CoordAttention",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="",
    formula=(
        r"[u_h; u_w] &= \mathrm{hswish}\big(\mathrm{BN}(W\, [\mathrm{mean}_W(x); \mathrm{mean}_H(x)])\big) \qquad "
        r"\text{joined along } H + W",
        r"y &= x \odot \sigma(W_h u_h) \odot \sigma(W_w u_w)",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("ca", "coord_attention", "coordattention", "coordinate_attention", "coordattn", "coordatt_block"),
    differences=(
        "Followed is the authors' code (houqb/CoordAttention at 7619bea); its oup argument crashes unless it equals "
        "inp, so the block keeps its channels, and pastes drop the argument. timm has no biases and another hidden "
        "width (C/16, two thirds of it, as a multiple of 8): variant=timm. In training, a batch of one 1x1 map takes "
        "the running statistics and leaves them: it holds one value per channel, counted twice."
    ),
    examples=({"reduction": 2}, {"variant": "timm"}),
    zero_gradients=("conv1.bias",),
)
