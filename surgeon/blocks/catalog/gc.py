"""GC: global context, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, flag, integer, merge_same_channels, number, optional, rounded
from surgeon.errors import BlockError

LEAST = 4  # a layer norm of one value is its bias, of two little more than a sign: no context passes

SCHEMA = {
    "use_attn": Setting(default=True, parse=flag, help="false: the context is the mean instead of an attention's sum"),
    "fuse_add": Setting(default=False, parse=flag, help="true: the context is added to the map"),
    "fuse_scale": Setting(default=True, parse=flag, help="true: the context gates the map's channels"),
    "rd_ratio": Setting(
        default=0.125, parse=number(0), help="hidden width over C, rounded; the default is adapted to 4 units at least"
    ),
    "rd_channels": Setting(default=None, parse=optional(integer()), help="hidden width; null takes rd_ratio * C"),
    "rd_divisor": Setting(default=1, parse=integer(), help="rd_ratio * C is rounded to a multiple of it"),
}


def hidden_width(channels: int, values: Mapping[str, Any]) -> int:
    """Width of the normalised hidden layer."""
    return int(values["rd_channels"] or rounded(channels * values["rd_ratio"], values["rd_divisor"]))


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    values = merge_same_channels("gc", SCHEMA, settings, in_channels, out_channels)
    if not values["fuse_add"] and not values["fuse_scale"]:
        raise BlockError("gc: fuse_add=False with fuse_scale=False leaves nothing to do; set one of them to true.")
    hidden = hidden_width(in_channels, values)
    if hidden < LEAST and not {"rd_ratio", "rd_channels"} & set(settings):
        values["rd_ratio"] = LEAST / in_channels
        note = (
            f"gc: rd_ratio is {values['rd_ratio']:g} instead of the default 0.125: that leaves {hidden} hidden units "
            f"of {in_channels} channels, whose layer norm passes next to nothing."
        )
        return Resolved(settings=values, notes=(note,))
    return Resolved(settings=values)


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    c, n, r = in_channels, height * width, hidden_width(in_channels, values)
    mlps = int(values["fuse_add"]) + int(values["fuse_scale"])
    attention = values["use_attn"]
    params = mlps * (2 * c * r + 3 * r + c) + (c + 1 if attention else 0)
    return BlockCost(params=params, macs=mlps * 2 * c * r + (2 * c * n if attention else 0))


INFO = BlockInfo(
    name="gc",
    title="GC",
    kind="attention",
    factory="surgeon.blocks.gc:GlobalContext",
    summary="An attention-weighted sum over the map gates, or is added to, every pixel.",
    paper="GCNet: Non-local Networks Meet Squeeze-Excitation Networks and Beyond, arXiv 1904.11492",
    year=2019,
    source="https://github.com/huggingface/pytorch-image-models",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="fuse_add or fuse_scale",
    formula=(
        r"z &= \sum_j \mathrm{softmax}_j(w^\top x_j)\, x_j",
        r"y &= x \odot \sigma\big(W_2\, \mathrm{ReLU}(\mathrm{LN}(W_1 z))\big) \qquad \text{(fuse\_add: } x + W_2' "
        r"\cdots \text{)}",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("globalcontext", "global_context", "gcnet", "gc_block", "contextblock", "context_block"),
    differences=(
        "Followed is timm (1.0.31, layers/global_context.py), which gates the map (fuse_scale); the paper's block "
        "adds the context to it: fuse_add=true with fuse_scale=false, whose last layer starts at zero. The hidden "
        "layer is normalised over its own units: with one unit the result is constant, with two hardly more than a "
        "sign, so that below 28 channels the default ratio of 1/8 leaves a block that hardly learns. Here the default "
        "is adapted to four units; a ratio that you give is taken as it is."
    ),
    examples=({"fuse_add": True, "rd_ratio": 0.5}, {"fuse_add": True, "fuse_scale": False}, {"use_attn": False}),
    zero_gradients=("conv_attn.bias",),
)
