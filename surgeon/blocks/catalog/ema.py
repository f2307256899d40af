"""EMA: efficient multi-scale attention, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, adapt, divisors, integer, merge_same_channels

SCHEMA = {
    "factor": Setting(default=32, parse=integer(), help="groups of channels that share their weights; divides C"),
}


def lean_pays(channels: int, height: int, width: int) -> bool:
    """Whether the form with fewer products is the faster one for groups of ``channels`` channels."""
    return channels > 1 and channels * height * width >= 10_000


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    values = merge_same_channels("ema", SCHEMA, settings, in_channels, out_channels)
    reason = f"the groups must divide the {in_channels} channels"
    notes = adapt("ema", values, "factor", divisors(in_channels), reason, given=settings)
    return Resolved(settings=values, notes=notes)


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    groups = _resolve(in_channels, out_channels, settings).settings["factor"]
    c, n = in_channels // groups, height * width
    lines = c * c * (height + width)
    return BlockCost(
        params=10 * c * c + 4 * c,
        macs=groups * (lines + 9 * c * c * n + 2 * c * n),
        executed=groups * (lines + 9 * c * n + c * n + 9 * c * c) if lean_pays(c, height, width) else None,
    )


INFO = BlockInfo(
    name="ema",
    title="EMA",
    kind="attention",
    factory="surgeon.blocks.ema:EMA",
    summary="Groups of channels, each gated by a 3x3 convolution and by its means along rows and columns.",
    paper="Efficient Multi-Scale Attention Module with Cross-Spatial Learning, arXiv 2305.13563",
    year=2023,
    source="https://github.com/YOLOonMe/EMA-attention-module",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="factor divides C",
    formula=(
        r"[t_h; t_w] &= W\, [\mathrm{mean}_W(X); \mathrm{mean}_H(X)] \qquad X \text{ a group of the channels of } x",
        r"X_1 &= \mathrm{GN}\big(X \odot \sigma(t_h) \odot \sigma(t_w)\big), \qquad X_2 = K_{3 \times 3}\, X",
        r"w &= \mathrm{softmax}_C(\mathrm{mean}_{H,W}(X_1))^\top X_2 + "
        r"\mathrm{softmax}_C(\mathrm{mean}_{H,W}(X_2))^\top X_1",
        r"Y &= X \odot \sigma(w)",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("efficient_multi_scale_attention", "ema_attention"),
    differences="Followed is the authors' repository (commit afc37ec) with its factor of 32; the YOLO paste is that "
    "class with factor=8. Theirs fails where the factor is larger than the width or does not divide it; here the "
    "default adapts. One of its two softmaxes does nothing with the picture: it takes the mean of a normalised map, "
    "which is the normalisation's bias whatever the input, so it is a learned constant, here as there. That constant "
    "lets the 3x3 convolution collapse to one output channel, which is the form that runs but on small maps.",
    examples=({"factor": 8}, {"factor": 2}),
)
