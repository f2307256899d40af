"""DRConv: dynamic region-aware convolution, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, integer, merge, optional, positive_channels

SCHEMA = {
    "kernel_size": Setting(default=3, parse=integer(odd=True), help="kernel size, odd"),
    "region_num": Setting(default=8, parse=integer(), help="number of kernels for an image"),
    "stride": Setting(default=1, parse=integer(), help="stride"),
    "padding": Setting(
        default=None,
        parse=optional(integer(0)),
        help="zeros around the map; null takes what keeps its size. The published class starts from 0",
    ),
    "dilation": Setting(default=1, parse=integer(), help="dilation"),
}


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    positive_channels("drconv", in_channels, out_channels)
    return Resolved(settings=merge("drconv", SCHEMA, settings))


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    c, o, r, k = in_channels, out_channels, values["region_num"], values["kernel_size"]
    reach = values["dilation"] * (k - 1)
    padding = reach // 2 if values["padding"] is None else values["padding"]
    rows, columns = ((side + 2 * padding - reach - 1) // values["stride"] + 1 for side in (height, width))
    making, pixel = k * k * r * r * c * (o + 1), k * k * c * rows * columns
    return BlockCost(
        params=r * r * (c + 1) + r * c * o * (r + 1) + r * (k * k * c + 1),
        macs=pixel * r * (o + 1) + making,
        executed=pixel * (o + r) + making if r > 1 else None,
    )


INFO = BlockInfo(
    name="drconv",
    title="DRConv",
    kind="convolution",
    factory="surgeon.blocks.drconv:DRConv",
    summary="Convolution with several kernels made of each image, of which every pixel takes the best for it.",
    paper="Dynamic Region-Aware Convolution, arXiv 2003.12243",
    year=2021,
    source="https://github.com/shallowtoil/DRConv-PyTorch",
    changes_channels=True,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="kernel_size is odd",
    resolve=_resolve,
    cost=_cost,
    aliases=("drconv2d", "dynamic_region_aware_convolution"),
    differences=(
        "The authors' code (megvii-research/DRConv at 063a8e5) runs on CUDA alone, returns zeros without it, and gets "
        "regions and their softmax from outside; there a kernel is a sum of num_W = 8 stored ones weighted by a "
        "sigmoid of the pooled input. Followed is the form in circulation (shallowtoil/DRConv-PyTorch at dafce87), "
        "which makes the kernels of the pooled input whole, as the paper's figure has it; weights of the two are not "
        "interchangeable. It pads by 0 unless told otherwise, so that the map shrinks: here the default keeps the map "
        "(padding=0 is the published one). Its evaluation has no gradient; here it has the same as training: forwards "
        "the best region alone, backwards the softmax over all. The choice is made in single precision whatever the "
        "rest runs in. It has several times a convolution's parameters and, as defined, region_num times its MACs; in "
        "evaluation on a CPU each pixel is convolved with its own kernel only. No activation and no BatchNorm, as "
        "published."
    ),
    examples=(
        {"region_num": 3, "kernel_size": 5, "stride": 2},
        {"region_num": 4, "dilation": 2, "kernel_size": 3},
    ),
)
