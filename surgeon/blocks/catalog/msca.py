"""MSCA: multi-scale convolutional attention of SegNeXt, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, choice, merge_same_channels, number
from surgeon.errors import BlockError

STRIPS = (7, 11, 21)

SCHEMA = {
    "variant": Setting(
        default="attention",
        parse=choice("attention", "spatial", "block"),
        help="attention: the attention of the paper's equations 1 and 2; spatial: it between two 1x1 convolutions with "
        "a residual; block: that and an MLP, both normalised and scaled, a whole block of MSCAN",
    ),
    "mlp_ratio": Setting(default=4, parse=number(0), help="width of the block's MLP, relative to C"),
}


def hidden_width(channels: int, mlp_ratio: float) -> int:
    """Width of the MLP of the ``block`` variant."""
    return int(channels * mlp_ratio)


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    values = merge_same_channels("msca", SCHEMA, settings, in_channels, out_channels)
    if values["variant"] == "block" and hidden_width(in_channels, values["mlp_ratio"]) < 1:
        raise BlockError(
            f"msca: mlp_ratio={values['mlp_ratio']} does not work: the MLP needs at least one channel; from "
            f"{1 / in_channels:.3g} up."
        )
    return Resolved(settings=values)


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    c, n = in_channels, height * width
    weights, others = c * c + c * (25 + 2 * sum(STRIPS)), 8 * c
    if values["variant"] != "attention":
        weights, others = weights + 2 * c * c, others + 2 * c
    if values["variant"] == "block":
        hidden = hidden_width(c, values["mlp_ratio"])
        weights += 2 * c * hidden + 9 * hidden
        others += 2 * hidden + c + 4 * c + 2 * c
    return BlockCost(params=weights + others, macs=n * weights)


INFO = BlockInfo(
    name="msca",
    title="MSCA",
    kind="attention",
    factory="surgeon.blocks.msca:MSCA",
    summary="The input times a sum of depthwise 5x5, 7x7, 11x11 and 21x21 convolutions of it, the long ones as strips.",
    paper="SegNeXt: Rethinking Convolutional Attention Design for Semantic Segmentation, arXiv 2209.08575",
    year=2022,
    source="https://github.com/Visual-Attention-Network/SegNeXt",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="any width",
    formula=(
        r"a &= D_{5 \times 5}\, x",
        r"y &= x \odot W \Big(a + \sum_{k \in \{7, 11, 21\}} D_{k \times 1}\, D_{1 \times k}\, a\Big)",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("mscaattention", "msca_attention", "segnext_attention", "multi_scale_convolutional_attention"),
    differences="Followed is SegNeXt's mscan.py (commit c87bcae), whose class AttentionModule is what the paper calls "
    "MSCA (equations 1 and 2) and what pastes call MSCAAttention: the default, variant=attention. Around it the "
    "authors have SpatialAttention (variant=spatial) and Block (variant=block), which runs on tokens with a "
    "synchronised BatchNorm there, on maps with a plain one here, without drop path. The attention has no activation, "
    "so the output of the bare one grows with the square of the input.",
    examples=({"variant": "spatial"}, {"variant": "block", "mlp_ratio": 2.5}),
)
