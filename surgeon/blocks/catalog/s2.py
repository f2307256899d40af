"""S²-attention of S²-MLPv2, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import merge_same_channels


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    return Resolved(settings=merge_same_channels("s2", {}, settings, in_channels, out_channels))


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    _resolve(in_channels, out_channels, settings)
    c = in_channels
    return BlockCost(params=8 * c * c + 4 * c, macs=4 * c * c * (height * width + 1))


INFO = BlockInfo(
    name="s2",
    title="S2Attention",
    kind="attention",
    factory="surgeon.blocks.s2:S2Attention",
    summary="Three projections, two of them shifted by a pixel in four directions, mixed by a softmax over the three.",
    paper="S²-MLPv2: Improved Spatial-Shift MLP Architecture for Vision, arXiv 2108.01072",
    year=2021,
    source="https://arxiv.org/abs/2108.01072",
    changes_channels=False,
    defaults={},
    options={},
    constraints="any width",
    formula=(
        r"[p_1; p_2; p_3] &= W_1 x, \qquad P = \big(S_1(p_1),\, S_2(p_2),\, p_3\big) \qquad S: \text{quarters shifted "
        r"by a pixel, each in its direction}",
        r"a &= \mathrm{softmax}_i\big(W_b\, \mathrm{GELU}(W_a \textstyle\sum_{i,H,W} P_i)\big)",
        r"y &= W_2 \textstyle\sum_i a_i \odot P_i",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("s2_attention", "s2_mlpv2", "s2mlp"),
    differences="No code of the authors was found. Names and structure follow the class in circulation "
    "(objectdetection_script at cb1b621, after xmu-xiaoma666), without its two defects: it is built for 512 channels "
    "whatever the width, and it shifts in place, where source and target overlap, so that on a CPU the first row or "
    "column is smeared over the whole map. Here the shift reads from the unshifted map, as the paper has it, and "
    "the line without a source keeps its values.",
)
