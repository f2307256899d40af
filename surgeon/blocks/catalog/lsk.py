"""LSK: large selective kernel attention of LSKNet, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, choice, merge_same_channels

SCHEMA = {
    "variant": Setting(
        default="block",
        parse=choice("block", "attention"),
        help="block: the selective kernel, as pasted into YOLO; attention: it between two 1x1 convolutions with a "
        "residual, as LSKNet uses it",
    ),
}


def half_width(channels: int) -> int:
    """Channels of each of the two branches."""
    return max(1, channels // 2)


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    return Resolved(settings=merge_same_channels("lsk", SCHEMA, settings, in_channels, out_channels))


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    c, n = in_channels, height * width
    half = half_width(c)
    weights, biases = 3 * c * half + c * (25 + 49) + 4 * 49, 3 * c + 2 * half + 2
    if values["variant"] == "attention":
        weights, biases = weights + 2 * c * c, biases + 2 * c
    return BlockCost(params=weights + biases, macs=n * weights)


INFO = BlockInfo(
    name="lsk",
    title="LSK",
    kind="attention",
    factory="surgeon.blocks.lsk:LSK",
    summary="The input times a depthwise 5x5 and a dilated 7x7 convolution of it, mixed anew at each pixel.",
    paper="Large Selective Kernel Network for Remote Sensing Object Detection, arXiv 2303.09030",
    year=2023,
    source="https://github.com/zcablii/LSKNet",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="any width",
    formula=(
        r"a &= D_{5 \times 5}\, x, \qquad u_1 = W_1 a, \qquad u_2 = W_2\, D^{(3)}_{7 \times 7}\, a",
        r"[s_1; s_2] &= \sigma\big(K_{7 \times 7}\, [\mathrm{mean}_C; \mathrm{max}_C]([u_1; u_2])\big)",
        r"y &= x \odot W\, (s_1 \odot u_1 + s_2 \odot u_2)",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("lsknet", "lskblock", "lsk_attention", "lskattention", "large_selective_kernel"),
    differences="Followed is LSKNet's lsknet.py (commit cbe06ca, licence CC BY-NC 4.0: nothing of it was copied). The "
    "default, variant=block, is the class LSKblock, which is also what pastes hold, with the same numbers; "
    "variant=attention is the class Attention that LSKNet lays around it. Theirs needs two channels at least; here a "
    "single one is its own half.",
    examples=({"variant": "attention"},),
)
