"""MHSA: multi-head self-attention of BoTNet, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import (
    Setting,
    adapt,
    choice,
    divisors,
    flag,
    integer,
    map_size,
    merge_same_channels,
)

SCHEMA = {
    "heads": Setting(default=4, parse=integer(), help="attention heads; divides the channels"),
    "position": Setting(default=True, parse=flag, help="learned position tables: true or false"),
    "table": Setting(
        default=(14, 14),
        parse=map_size,
        help="map size [height, width] that the position tables are stored at; other maps interpolate them",
    ),
    "variant": Setting(
        default="leaderj1001",
        parse=choice("leaderj1001", "paper"),
        help="leaderj1001: logits q_i·k_j + r_i·q_j, unscaled, as pasted everywhere; "
        "paper: (q_i·k_j + q_i·r_j) / sqrt(d)",
    ),
}


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    values = merge_same_channels("mhsa", SCHEMA, settings, in_channels, out_channels)
    reason = f"heads must divide the {in_channels} channels"
    notes = adapt("mhsa", values, "heads", divisors(in_channels), reason, given=settings)
    return Resolved(settings=values, notes=notes)


def in_groups(d: int, n: int) -> bool:
    """Whether inference on a CPU takes the queries in groups rather than by torch's fused kernel (measured on one).

    Args:
        d: Channels of a head.
        n: Pixels N.
    """
    if n <= 64:  # too few to matter, and where model.info() counts: in the reference's products it finds its figure
        return False
    return n <= 512 or d >= (32 if n <= 4096 else 64)


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    c, n = in_channels, height * width
    table = c * sum(values["table"]) if values["position"] else 0
    products = 3 if values["position"] else 2
    macs = 3 * c * c * n + products * c * n * n
    spared = 0
    if values["position"] and in_groups(c // values["heads"], n):
        # The paper's position is added to the keys; the other's meets the H + W entries of the tables, not N pixels.
        spared = c * n * n - (0 if values["variant"] == "paper" else c * n * (height + width))
    return BlockCost(params=3 * (c * c + c) + table, macs=macs, executed=macs - spared if spared > 0 else None)


INFO = BlockInfo(
    name="mhsa",
    title="MHSA",
    kind="attention",
    factory="surgeon.blocks.mhsa:MHSA",
    summary="Global multi-head self-attention over the whole map with a learned absolute position term.",
    paper="Bottleneck Transformers for Visual Recognition, arXiv 2101.11605",
    year=2021,
    source="https://github.com/leaderj1001/BottleneckTransformers",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="heads divides C; memory and time grow with (H·W)²",
    formula=(
        r"q, k, v &= W_q x,\; W_k x,\; W_v x, \qquad r = R_h + R_w",
        r"E_{ij} &= q_i^\top k_j + r_i^\top q_j \qquad \text{(variant=paper: } (q_i^\top k_j + q_i^\top r_j) / "
        r"\sqrt{d} \text{)}",
        r"y_i &= \textstyle\sum_j \mathrm{softmax}_j(E_{ij})\, v_j \qquad \text{per head}",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("botnet", "botnet_mhsa", "multi_head_self_attention"),
    differences=(
        "Followed is the class that articles paste (leaderj1001/BottleneckTransformers). Its position logit is "
        "r_i·q_j where the paper has q_i·r_j, and nothing is divided by sqrt(d), so that the softmax starts out "
        "saturated (the largest weight of a pixel is 0.69 on average at 256 channels, 0.025 where it is scaled): "
        "variant=paper is the paper's form, with the same parameters. Theirs is built for one map size. With position "
        "it cannot be built into a YOLO at all, since the stride is probed at another size, nor validated on "
        "rectangular batches; a paste that cuts its table instead takes the first N entries, which are those of other "
        "pixels, without a word. Here the tables are stored at one size and interpolated to any other. There is no "
        "output projection, norm or residual in any of them."
    ),
    examples=({"position": False}, {"variant": "paper", "table": (5, 9)}),
    zero_gradients=("key.bias",),
)
