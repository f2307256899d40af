"""CBAM: convolutional block attention, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import (
    Setting,
    adapt_reduction,
    choice,
    flag,
    integer,
    merge_same_channels,
    optional,
    rounded,
    subset,
)

SCHEMA = {
    "reduction_ratio": Setting(
        default=16, parse=integer(), help="the hidden width is C / reduction_ratio, rounded down (timm: rounded)"
    ),
    "pool_types": Setting(
        default=("avg", "max"),
        parse=subset("avg", "max", "lp", "lse"),
        help="summaries of a channel whose logits are added: a list of avg, max, lp (2-norm), lse (log-sum-exp)",
    ),
    "no_spatial": Setting(default=False, parse=flag, help="true: the channel gate alone"),
    "kernel_size": Setting(
        default=None, parse=optional(integer(odd=True)), help="odd size of the spatial kernel; null takes 7 (xmu: 49)"
    ),
    "variant": Setting(
        default="official",
        parse=choice("official", "timm", "z106", "xmu"),
        help="official: the authors' code; timm: no biases, [mean, max]; z106: the common paste, biases only in the "
        "spatial convolution, no BatchNorm; xmu: z106's with a 49x49 kernel and + x",
    ),
}


def hidden_width(channels: int, values: Mapping[str, Any]) -> int:
    """Width between the two layers of the channel gate."""
    ratio = int(values["reduction_ratio"])
    return rounded(channels / ratio, 1) if values["variant"] == "timm" else channels // ratio


def kernel_size(values: Mapping[str, Any]) -> int:
    """Size of the spatial kernel."""
    return int(values["kernel_size"] or (49 if values["variant"] == "xmu" else 7))


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    values = merge_same_channels("cbam", SCHEMA, settings, in_channels, out_channels)
    if values["variant"] == "timm":
        return Resolved(settings=values)
    notes = adapt_reduction("cbam", values, "reduction_ratio", in_channels, given=settings)
    return Resolved(settings=values, notes=notes)


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    c, r, k, official = in_channels, hidden_width(in_channels, values), 0, values["variant"] == "official"
    params = 2 * c * r + (r + c if official else 0)
    if not values["no_spatial"]:
        k = kernel_size(values)
        params += 2 * k * k + (1 if values["variant"] in ("z106", "xmu") else 2)
    macs = 2 * c * r * len(values["pool_types"]) + 2 * k * k * height * width
    return BlockCost(params=params, macs=macs)


INFO = BlockInfo(
    name="cbam",
    title="CBAM",
    kind="attention",
    factory="surgeon.blocks.cbam:CBAM",
    summary="A channel gate from the channels' mean and maximum, then a spatial gate from mean and maximum over them.",
    paper="CBAM: Convolutional Block Attention Module, arXiv 1807.06521",
    year=2018,
    source="https://github.com/Jongchan/attention-module",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="reduction_ratio at most C; kernel_size odd",
    formula=(
        r"f(t) &= W_2\, \mathrm{ReLU}(W_1 t)",
        r"x' &= x \odot \sigma\big(f(\mathrm{mean}_{H,W}(x)) + f(\mathrm{max}_{H,W}(x))\big)",
        r"y &= x' \odot \sigma\big(\mathrm{BN}(K_{7 \times 7}\, [\mathrm{max}_C(x'); \mathrm{mean}_C(x')])\big)",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("cbamblock", "cbam_block", "cbammodule", "convolutional_block_attention"),
    differences=(
        "Followed is the authors' code (Jongchan/attention-module at 459efad): layers with biases; the spatial gate "
        "reads [max, mean] and ends in a BatchNorm of momentum 0.01. timm has no biases, reads [mean, max] and rounds "
        "the hidden width: variant=timm. The common paste (z1069614715/objectdetection_script) has no biases in the "
        "channel gate and no BatchNorm, but a bias in the spatial convolution: variant=z106; that of "
        "xmu-xiaoma666/External-Attention-pytorch is the same with a 49x49 kernel and adds x: variant=xmu. Weights of "
        "one do not fit another. Ultralytics' own CBAM, one full-width layer on the mean alone, is none of these."
    ),
    examples=(
        {"pool_types": ["lp", "lse"], "reduction_ratio": 4},
        {"no_spatial": True, "reduction_ratio": 4},
        {"variant": "timm", "reduction_ratio": 4},
        {"variant": "z106", "reduction_ratio": 4},
        {"variant": "xmu", "reduction_ratio": 4, "kernel_size": 9},
    ),
)
