"""Polarized self-attention, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, choice, merge_same_channels

SCHEMA = {
    "variant": Setting(
        default="sequential",
        parse=choice("sequential", "parallel", "paste_sequential", "paste_parallel"),
        help="sequential: the authors' PSA_s, channel gate, then spatial gate; parallel: their PSA_p, its spatial "
        "gate 0.5 everywhere; paste_sequential, paste_parallel: the class in circulation, after the paper's formulas",
    ),
}


def half_width(channels: int) -> int:
    """Channels of the keys and values."""
    return max(1, channels // 2)


def squeezed_width(channels: int) -> int:
    """Hidden width of the sequential form's channel gate."""
    return max(1, half_width(channels) // 4)


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    return Resolved(settings=merge_same_channels("polarized", SCHEMA, settings, in_channels, out_channels))


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    variant = _resolve(in_channels, out_channels, settings).settings["variant"]
    c, half, r, n = in_channels, half_width(in_channels), squeezed_width(in_channels), height * width
    params, up = 3 * half * c + c, half * c
    if variant == "sequential":
        up = half * r + r * c
        params += 3 * r + c
    elif variant != "parallel":
        params += 3 * half + 1 + 3 * c
    macs = n * (c + 3 * half * c + 2 * half) + up
    if variant == "sequential":
        executed = n * (2 * c + half * c + half) + 2 * half * c + up
    else:
        executed = 3 * n * c + 3 * half * c + up
    return BlockCost(params=params + up, macs=macs, executed=executed if executed < macs else None)


INFO = BlockInfo(
    name="polarized",
    title="PolarizedSelfAttention",
    kind="attention",
    factory="surgeon.blocks.polarized:PolarizedSelfAttention",
    summary="A channel gate from a softmax over the pixels, and a spatial gate from the channels' mean.",
    paper="Polarized Self-Attention: Towards High-quality Pixel-wise Regression, arXiv 2107.00782",
    year=2021,
    source="https://github.com/DeLightCMU/PSA",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="any width",
    formula=(
        r"z &= \sum_j \mathrm{softmax}_j(w^\top x_j)\, W_v x_j, \qquad x' = x \odot \sigma\big(W_2\, "
        r"\mathrm{ReLU}(\mathrm{LN}(W_1 z))\big)",
        r"y &= x' \odot \sigma\big(\mathrm{mean}_{H,W}(W_q' x')^\top\, \mathrm{softmax}_{N}(W_v' x')\big)",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=(
        "psa_s",
        "polarized_self_attention",
        "sequential_polarized_self_attention",
    ),
    differences="Followed is the authors' PSA.py (commit 20e307a). It has two classes: PSA_s (the default, "
    "variant=sequential) and PSA_p (variant=parallel). In the latter the spatial gate is the sigmoid of a softmax "
    "over all pixels, which is 0.5001 to 0.5002 on a 40x40 map: it does next to nothing, here as there, which is why "
    "it is not the default. The class in circulation (paste_sequential, paste_parallel) follows the paper: the "
    "spatial softmax runs over the channels, the channel gate is normalised over all channels, and each convolution "
    "has a bias. Theirs needs 8 channels at least; below 16, sequential's normalisation runs over a single value, so "
    "that its channel gate is a learned constant.",
    examples=({"variant": "parallel"}, {"variant": "paste_sequential"}, {"variant": "paste_parallel"}),
    zero_gradients=("ch_wq.bias",),
)
