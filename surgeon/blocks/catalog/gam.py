"""GAM: global attention mechanism, as data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import (
    Setting,
    adapt_reduction,
    choice,
    divisors,
    fit,
    integer,
    merge,
    optional,
    positive_channels,
)
from surgeon.errors import BlockError

SHUFFLE = 4  # groups of the channel shuffle in the grouped variant, a constant in the code in circulation

SCHEMA = {
    "rate": Setting(default=4, parse=integer(), help="the hidden width is C / rate, rounded down; at most C"),
    "variant": Setting(
        default="dengbuqi",
        parse=choice("dengbuqi", "sigmoid", "grouped"),
        help="dengbuqi: no sigmoid on the channel branch, replicate padding; sigmoid: sigmoid and zero padding; "
        "grouped: grouped 7x7 convolutions, zero padding and a channel shuffle",
    ),
    "groups": Setting(
        default=None,
        parse=optional(integer()),
        help="groups of the 7x7 convolutions of the grouped variant; null takes rate (1 in the other variants)",
    ),
}


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    positive_channels("gam", in_channels, out_channels)
    values = merge("gam", SCHEMA, settings)
    notes = adapt_reduction("gam", values, "rate", in_channels, given=settings)
    hidden = in_channels // int(values["rate"])
    if values["variant"] != "grouped":
        values["groups"], _ = fit(
            "gam", "groups", values["groups"] or 1, [1], "only the grouped variant has groups", explicit=True
        )
        return Resolved(settings=values, notes=notes)
    if out_channels % SHUFFLE:
        raise BlockError(
            f"gam: variant=grouped shuffles its output in {SHUFFLE} groups, so the output channels must be a "
            f"multiple of {SHUFFLE}, not {out_channels}; the variants dengbuqi and sigmoid take any width."
        )
    common = math.gcd(in_channels, hidden, out_channels)
    explicit = values["groups"] is not None
    values["groups"], note = fit(
        "gam",
        "groups",
        values["groups"] if explicit else values["rate"],
        divisors(common),
        f"groups must divide the widths {in_channels}, {hidden} and {out_channels}",
        explicit=explicit,
    )
    return Resolved(settings=values, notes=(*notes, note) if note else notes)


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    c, co, n = in_channels, out_channels, height * width
    cr, groups = c // values["rate"], values["groups"]
    weights = 2 * c * cr + 49 * cr * (c + co) // groups
    # Our extension: a 1x1 convolution carries the gated map where the width changes; the paper has no such case.
    join = c * co if c != co else 0
    biases = 2 * cr + c + co + (co if join else 0)
    norms = 2 * cr + 2 * co
    return BlockCost(params=weights + join + biases + norms, macs=n * (weights + join))


INFO = BlockInfo(
    name="gam",
    title="GAM",
    kind="attention",
    factory="surgeon.blocks.gam:GAM",
    summary="Channel attention by a per-pixel MLP, then spatial attention by two 7x7 convolutions.",
    paper="Global Attention Mechanism: Retain Information to Enhance Channel-Spatial Interactions, arXiv 2112.05561",
    year=2021,
    source="https://github.com/dengbuqi/GAM_Pytorch",
    changes_channels=True,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="rate at most C; grouped: groups divides C, C/rate and the output width, which is a multiple of 4",
    formula=(
        r"x' &= x \odot W_2\, \mathrm{ReLU}(W_1 x)",
        r"y &= x' \odot \sigma\big(\mathrm{BN}(K'_{7 \times 7}\, \mathrm{ReLU}(\mathrm{BN}(K_{7 \times 7}\, x')))\big)",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("gam_attention", "gamattention", "global_attention"),
    differences=(
        "No code of the authors was found. Followed is what articles use (dengbuqi/GAM_Pytorch): no sigmoid on the "
        "channel branch, padding by replication. Two others circulate under the same name: with that sigmoid and zero "
        "padding (variant=sigmoid), and with 7x7 convolutions in groups, zero padding, a shuffle of the spatial gate "
        "and no sigmoid on the channels (variant=grouped). All of them take an output width and crash where it "
        "differs: here a 1x1 convolution carries the gated map to it. Fewer channels than rate leave them none; here "
        "rate is adapted. At rate 4 the block costs 25·C²·N MACs, 15 % of YOLOv8n at every level."
    ),
    examples=({"variant": "sigmoid"}, {"variant": "grouped"}),
    zero_gradients=("conv1.bias", "conv2.bias"),
)
