"""DWR and SIR: the two residual blocks of DWRSeg, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, choice, integer, merge_same_channels

PAPER = "DWRSeg: Rethinking Efficient Acquisition of Multi-scale Contextual Information, arXiv 2212.01173"

DWR_SCHEMA = {
    "variant": Setting(
        default="paper",
        parse=choice("paper", "paste"),
        help="paper: depthwise dilated convolutions after one 3x3 a branch; paste: dense ones after one shared 3x3, "
        "each with SiLU, as in C2f_DWR",
    ),
}
SIR_SCHEMA = {"expansion": Setting(default=3, parse=integer(), help="hidden width, as a multiple of C")}


def half_width(channels: int) -> int:
    """Width of a branch."""
    return max(1, channels // 2)


def _resolve_dwr(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    return Resolved(settings=merge_same_channels("dwr", DWR_SCHEMA, settings, in_channels, out_channels))


def _cost_dwr(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve_dwr(in_channels, out_channels, settings).settings
    c, half, n = in_channels, half_width(in_channels), height * width
    if values["variant"] == "paper":
        weights, norms = 31 * c * half + 36 * half, 14 * half
    else:
        weights, norms = 13 * c * half + 36 * half * half, 10 * half + 2 * c
    return BlockCost(params=weights + norms, macs=n * weights)


def _resolve_sir(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    return Resolved(settings=merge_same_channels("sir", SIR_SCHEMA, settings, in_channels, out_channels))


def _cost_sir(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    hidden = in_channels * int(_resolve_sir(in_channels, out_channels, settings).settings["expansion"])
    weights = 10 * in_channels * hidden
    return BlockCost(params=weights + 2 * hidden, macs=height * width * weights)


DWR = BlockInfo(
    name="dwr",
    title="DWR",
    kind="convolution",
    factory="surgeon.blocks.dwr:DWR",
    summary="A residual of three branches, convolved with dilation 1, 3 and 5.",
    paper=PAPER,
    year=2022,
    source="https://arxiv.org/abs/2212.01173",
    changes_channels=False,
    defaults={key: setting.default for key, setting in DWR_SCHEMA.items()},
    options={key: setting.help for key, setting in DWR_SCHEMA.items()},
    constraints="any width",
    formula=(
        r"[u_1; u_2; u_3] &= \mathrm{ReLU}(\mathrm{BN}(K_{3 \times 3}\, x)), \qquad u_i \in \mathbb{R}^{C/2 \times H "
        r"\times W}",
        r"y &= x + W\, \mathrm{BN}\big([D^{(1)}_{3 \times 3} u_1;\, D^{(3)}_{3 \times 3} u_2;\, D^{(5)}_{3 \times 3} "
        r"u_3]\big)",
    ),
    resolve=_resolve_dwr,
    cost=_cost_dwr,
    aliases=("dwrseg", "dilation_wise_residual"),
    differences="No code of the authors was found. The default, variant=paper, is our reading of the paper: a 3x3 "
    "convolution a branch, then depthwise dilated ones (names of tensors are ours). The class that is widespread in "
    "YOLO as C2f_DWR, C3k2_DWR or C2f_DWRSeg (variant=paste, on Ultralytics' Conv) is another block: its dilated "
    "convolutions are dense, its first 3x3 serves all branches, each convolution has SiLU. Both need an even width "
    "there; here a branch has half the channels, rounded down. On maps of 5x5 and smaller the outer taps of the widest "
    "dilation see nothing but padding.",
    examples=({"variant": "paste"},),
)

SIR = BlockInfo(
    name="sir",
    title="SIR",
    kind="convolution",
    factory="surgeon.blocks.dwr:SIR",
    summary="A residual of a 3x3 convolution to three times the channels and a 1x1 back.",
    paper=PAPER,
    year=2022,
    source="https://arxiv.org/abs/2212.01173",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SIR_SCHEMA.items()},
    options={key: setting.help for key, setting in SIR_SCHEMA.items()},
    constraints="any width",
    formula=(r"y &= x + W\, \mathrm{ReLU}(\mathrm{BN}(K_{3 \times 3}\, x)), \qquad K_{3 \times 3}: C \to 3C",),
    resolve=_resolve_sir,
    cost=_cost_sir,
    aliases=("simple_inverted_residual",),
    differences="No code of the authors was found: it is our reading of the paper, with our names of tensors. "
    "It is DWRSeg's block for early stages, DWR (dwr) the one for late stages.",
    examples=({"expansion": 2},),
)
