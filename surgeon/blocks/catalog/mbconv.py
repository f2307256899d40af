"""MBConv: the inverted bottleneck, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, choice, flag, integer, merge, number, positive_channels, rounded

SCHEMA = {
    "expand_ratio": Setting(
        default=6.0, parse=number(above=0), help="inner width over input width, rounded to a multiple of 8"
    ),
    "kernel_size": Setting(default=3, parse=integer(odd=True), help="size of the depthwise convolution, odd"),
    "stride": Setting(default=1, parse=integer(), help="stride of the depthwise convolution"),
    "se": Setting(default=True, parse=flag, help="whether squeeze-and-excitation follows the depthwise convolution"),
    "activation": Setting(
        default="silu",
        parse=choice("silu", "relu6", "relu"),
        help="silu: EfficientNet's; relu6: MobileNetV2's and the public MBConv head's; relu",
    ),
}


def expanded_width(in_channels: int, expand_ratio: float) -> int:
    """The inner width: the multiple of 8 next to the product, at least 8 and at least nine tenths of it."""
    wanted = in_channels * expand_ratio
    width = rounded(wanted, 8)
    return width + 8 if width < 0.9 * wanted else width


def squeezed_width(in_channels: int) -> int:
    """Channels of the excitation: a quarter of the block's input, not of the expanded map."""
    return max(1, in_channels // 4)


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    positive_channels("mbconv", in_channels, out_channels)
    return Resolved(settings=merge("mbconv", SCHEMA, settings))


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    m, q = expanded_width(in_channels, values["expand_ratio"]), squeezed_width(in_channels)
    taps, stride = values["kernel_size"] ** 2, values["stride"]
    pixels = ((height - 1) // stride + 1) * ((width - 1) // stride + 1)
    params, macs = m * taps + 2 * m + m * out_channels + 2 * out_channels, pixels * m * (taps + out_channels)
    if m != in_channels:
        params, macs = params + in_channels * m + 2 * m, macs + height * width * in_channels * m
    if values["se"]:
        params, macs = params + 2 * m * q + q + m, macs + 2 * m * q
    return BlockCost(params=params, macs=macs)


INFO = BlockInfo(
    name="mbconv",
    title="MBConv",
    kind="convolution",
    factory="surgeon.blocks.mbconv:MBConv",
    summary="Inverted bottleneck: expand, depthwise convolution, squeeze-and-excitation, project; with a skip.",
    paper="EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, arXiv 1905.11946",
    year=2019,
    source="https://github.com/pytorch/vision",
    changes_channels=True,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="kernel_size is odd",
    resolve=_resolve,
    cost=_cost,
    aliases=("mb_conv", "inverted_residual"),
    differences=(
        "Followed is torchvision's MBConv (0.29.2), which equals timm's InvertedResidual with SiLU and "
        "rd_channels = C // 4 bit for bit: the excitation squeezes to a quarter of the block's input. timm's bare "
        "SqueezeExcite takes a quarter of the expanded map instead, and keeps the expanding convolution at ratio 1. "
        "Stochastic depth is left out. The expansion of 6 is EfficientNet's; only with expand_ratio=1 is the block "
        "light beside YOLO's own convolutions. The public Detect_MBConv head (999er/ULFD-YOLO) has ratio 1, ReLU6 and, "
        "against its README, no excitation: a separable convolution (expand_ratio=1, se=false, activation=relu6)."
    ),
    examples=(
        {"expand_ratio": 1, "se": False, "activation": "relu6"},
        {"expand_ratio": 1.5, "kernel_size": 5, "stride": 2, "activation": "relu"},
    ),
)
