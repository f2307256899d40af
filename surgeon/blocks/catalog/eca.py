"""ECA: efficient channel attention, as data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, choice, integer, merge_same_channels, number, optional
from surgeon.errors import BlockError

SCHEMA = {
    "k_size": Setting(
        default=None,
        parse=optional(integer(odd=True)),
        help="odd length of the kernel over the channels; null takes 3, or timm's length for the width",
    ),
    "variant": Setting(
        default="official",
        parse=choice("official", "timm"),
        help="official: k_size at every width; timm: the length follows from the width",
    ),
    "gamma": Setting(
        default=2.0, parse=number(0), help="timm: length = |log2(C) + beta| / gamma, made odd upwards, at least 3"
    ),
    "beta": Setting(
        default=1.0, parse=number(), help="timm: length = |log2(C) + beta| / gamma, made odd upwards, at least 3"
    ),
}


def kernel_length(channels: int, values: Mapping[str, Any]) -> int:
    """Length of the kernel."""
    if values["variant"] == "official":
        return int(values["k_size"] or 3)
    length = int(abs(math.log2(channels) + values["beta"]) / values["gamma"])
    return max(length if length % 2 else length + 1, 3)


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    values = merge_same_channels("eca", SCHEMA, settings, in_channels, out_channels)
    if values["variant"] == "timm" and values["k_size"] is not None:
        raise BlockError(
            "eca: variant=timm takes its length from the width, so k_size cannot be set; gamma and beta can, or "
            "variant=official takes k_size."
        )
    return Resolved(settings=values)


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    k = kernel_length(in_channels, _resolve(in_channels, out_channels, settings).settings)
    return BlockCost(params=k, macs=k * in_channels)


INFO = BlockInfo(
    name="eca",
    title="ECA",
    kind="attention",
    factory="surgeon.blocks.eca:ECA",
    summary="Channel attention: a short convolution over the channels' means gives one gate a channel.",
    paper="ECA-Net: Efficient Channel Attention for Deep Convolutional Neural Networks, arXiv 1910.03151",
    year=2019,
    source="https://github.com/BangguWu/ECANet",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="k_size odd",
    formula=(r"y &= x \odot \sigma\big(\kappa_3 * \mathrm{mean}_{H,W}(x)\big)",),
    resolve=_resolve,
    cost=_cost,
    aliases=("eca_layer", "ecaattention", "eca_attention", "ecamodule", "efficient_channel_attention"),
    differences=(
        "The authors' module (BangguWu/ECANet at b332f6b, followed) takes k_size, 3 unless given, and ignores its "
        "channel argument. The paper derives the length from the width, and so do timm and the common pastes: "
        "variant=timm. timm never goes below 3; a paste that does not say so has a kernel of 1 below 8 channels, "
        "which mixes no channels at all."
    ),
    examples=({"k_size": 5}, {"variant": "timm", "gamma": 1.0}),
)
