"""DRConv: dynamic region-aware convolution, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, choice, integer, merge, optional, positive_channels
from surgeon.errors import BlockError

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
    "variant": Setting(
        default="shallowtoil",
        parse=choice("shallowtoil", "official"),
        help="shallowtoil: kernels made whole of the pooled map; official: mixtures of num_w learned kernels",
    ),
    "num_w": Setting(default=8, parse=integer(), help="learned kernels that the official variant mixes"),
}


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    positive_channels("drconv", in_channels, out_channels)
    values = merge("drconv", SCHEMA, settings)
    if values["variant"] == "official" and values["padding"] is not None:
        raise BlockError(
            f"drconv: padding={values['padding']} does not work: the official variant finds its regions on the map as "
            "it is. Values that work: null."
        )
    return Resolved(settings=values)


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    c, o, r, k = in_channels, out_channels, values["region_num"], values["kernel_size"]
    reach = values["dilation"] * (k - 1)
    padding = reach // 2 if values["padding"] is None else values["padding"]
    rows, columns = ((side + 2 * padding - reach - 1) // values["stride"] + 1 for side in (height, width))
    pixels, taps = rows * columns, k * k * c
    if values["variant"] == "official":
        mixed = values["num_w"] * taps * o
        params, making, guide = mixed + r * values["num_w"] * (c + 1) + r * c, r * (mixed + values["num_w"] * c), r * c
    else:
        params = r * r * (c + 1) + r * c * o * (r + 1) + r * (taps + 1)
        making, guide = taps * r * r * (o + 1), r * taps
    shared = making + pixels * guide
    executed = shared + pixels * taps * o if r > 1 else None
    return BlockCost(params=params, macs=shared + pixels * taps * o * r, executed=executed)


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
    like_convolution=("kernel_size", "dilation"),
    formula=(
        r"[K_1; \dots; K_8] &= W_2\, \sigma(W_1\, \mathrm{pool}_{3 \times 3}(x)), \qquad r(i) = \mathrm{argmax}_r\, "
        r"(G_{3 \times 3}\, x)_{r,i}",
        r"y_i &= (K_{r(i)} * x)_i",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("drconv2d", "dynamic_region_aware_convolution"),
    differences=(
        "The authors' code (megvii-research/DRConv at 063a8e5) runs on CUDA alone, returns zeros without it, and gets "
        "regions and their softmax from outside; there a kernel is a mixture of num_w = 8 learned ones. "
        "variant=official does the same anywhere, its regions from a bias-free 1x1 convolution as in the authors' "
        "network; it was written from their code, which could not be run, so no recording confirms it. The default is "
        "the form in circulation (shallowtoil/DRConv-PyTorch at dafce87), which makes the kernels whole of the pooled "
        "input; weights of the two are not interchangeable. That form pads by 0 unless told otherwise, so that the "
        "map shrinks: here the default keeps the map (padding=0 is the published one). Its evaluation has no "
        "gradient; here it has the same as training: forwards the best region alone, backwards the softmax over all. "
        "The choice is made in single precision whatever the rest runs in. Both have several times a convolution's "
        "parameters and, as defined, region_num times its MACs; in evaluation on a CPU each pixel is convolved with "
        "its own kernel only. No activation and no BatchNorm, as published."
    ),
    examples=(
        {"region_num": 3, "kernel_size": 5, "stride": 2},
        {"region_num": 4, "dilation": 2},
        {"variant": "official", "region_num": 4, "num_w": 3},
    ),
)
