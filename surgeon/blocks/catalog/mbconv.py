"""MBConv: the inverted bottleneck, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
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


HEAD_SCHEMA = {
    "branch": Setting(
        default="box",
        parse=choice("box", "class", "both"),
        help="which branches --at Detect means: box, class or both; the one-to-one branches alike",
    ),
    **{key: setting for key, setting in SCHEMA.items() if key != "stride"},
    "expand_ratio": replace(SCHEMA["expand_ratio"], default=1.0),
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


def _resolve_head(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    positive_channels("mbconvhead", in_channels, out_channels)
    return Resolved(settings=merge("mbconvhead", HEAD_SCHEMA, settings))


def _head_cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = dict(_resolve_head(in_channels, out_channels, settings).settings)
    del values["branch"]
    return _cost(in_channels, out_channels, height, width, values)


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
    formula=(
        r"u &= \mathrm{SiLU}\big(\mathrm{BN}(D_{3 \times 3}\, \mathrm{SiLU}(\mathrm{BN}(W_e x)))\big), \qquad W_e \in "
        r"\mathbb{R}^{6C \times C}",
        r"y &= x + \mathrm{BN}\big(W_p\, (u \odot \sigma(W_2\, \mathrm{SiLU}(W_1\, \mathrm{mean}_{H,W}(u))))\big)",
    ),
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

HEAD = BlockInfo(
    name="mbconvhead",
    title="MBConvHead",
    kind="head",
    factory="surgeon.blocks.mbconv:MBConvHead",
    summary="A detection head whose branches are two MBConvs and the head's own last convolution.",
    paper=INFO.paper,
    year=INFO.year,
    source=INFO.source,
    changes_channels=True,
    defaults={key: setting.default for key, setting in HEAD_SCHEMA.items()},
    options={key: setting.help for key, setting in HEAD_SCHEMA.items()},
    constraints="kernel_size is odd; stands in a head with box and class branches (surgeon replace --at Detect)",
    formula=(
        r"u &= \mathrm{SiLU}(\mathrm{BN}(D_{3 \times 3}\, x))",
        r"f(x) &= x + \mathrm{BN}\big(W_p\, (u \odot \sigma(W_2\, \mathrm{SiLU}(W_1\, \mathrm{mean}_{H,W}(u))))\big) "
        r"\qquad \text{without } x + \text{ where the width changes}",
        r"y &= W_{\mathrm{last}}\, f_2(f_1(x)) \qquad \text{for each level and branch}",
    ),
    resolve=_resolve_head,
    cost=_head_cost,
    aliases=("mbconv_head", "detect_mbconv"),
    differences=(
        "surgeon replace --module mbconvhead --at Detect puts an MBConv in the place of each of the two modules before "
        "the last convolution of a branch: by default of the box branch (cv2, and one2one_cv2 where the head has it), "
        "at ratio 1 and with excitation. Widths, the last biased convolution, strides and losses stay the head's. The "
        "public Detect_MBConv (999er/ULFD-YOLO, commit 6fbc3d3) replaces the box branch only, at ratio 1, with ReLU6, "
        "BatchNorm 1e-3/0.01 and, against its README, no excitation (se=false, activation=relu6). Only ratio 1 is "
        "light: yolo11n's box branches have 381,888 parameters, 111,200 so, 408,160 at ratio 2; and its class "
        "branches are lighter as they are (83,008 against 136,476)."
    ),
    examples=({"expand_ratio": 2, "kernel_size": 5, "se": False, "activation": "relu6", "branch": "both"},),
)
