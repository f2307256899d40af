"""ShuffleAttention (SA-Net), as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, adapt, divisors, integer, merge_same_channels

SCHEMA = {
    "groups": Setting(
        default=64, parse=integer(), help="groups of channels that share one set of parameters; divides C / 2"
    ),
}


def pairs(channels: int) -> int:
    """Half of the channels, an odd width counted as the even one above it."""
    return (channels + 1) // 2


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    values = merge_same_channels("shuffleattention", SCHEMA, settings, in_channels, out_channels)
    half = pairs(in_channels)
    reason = f"groups must divide half of the {in_channels} channels, {half}"
    notes = adapt("shuffleattention", values, "groups", divisors(half), reason, given=settings)
    return Resolved(settings=values, notes=notes)


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    return BlockCost(params=6 * pairs(in_channels) // int(values["groups"]), macs=0)


INFO = BlockInfo(
    name="shuffleattention",
    title="ShuffleAttention",
    kind="attention",
    factory="surgeon.blocks.shuffleattention:ShuffleAttention",
    summary="Half of each group is gated by its means, half by its normalised pixels; then the channels are shuffled.",
    paper="SA-Net: Shuffle Attention for Deep Convolutional Neural Networks, arXiv 2102.00240",
    year=2021,
    source="https://github.com/wofmanaf/SA-Net",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="groups divides C / 2",
    formula=(
        r"[a; b] &= X \qquad X \text{ a group of the channels of } x",
        r"Y &= \big[\,a \odot \sigma(w_c \odot \mathrm{mean}_{H,W}(a) + b_c);\; b \odot \sigma(w_s \odot "
        r"\mathrm{GN}(b) + b_s)\,\big]",
        r"y &= \mathrm{shuffle}_2([Y_1; \dots; Y_G])",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("sa", "sa_layer", "sanet", "sa_net", "shuffle_attention_layer", "shuffleatt"),
    differences=(
        "Followed is the authors' code (wofmanaf/SA-Net at 00a6760); the common paste is the same with 8 groups "
        "instead of 64. The authors' default fails below 128 channels, and 192 channels run but are split two to one: "
        "here groups must divide C / 2, and the default is adapted to that. An odd width, which the code refuses, is "
        "computed with one more channel of zeros, which the output drops."
    ),
    examples=({"groups": 4},),
)
