"""OREPA and OREPA_1x1: re-parametrised convolutions, as data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, choice, divisors, fit, integer, merge, positive_channels

_ACTIVATION = Setting(
    default="none",
    parse=choice("none", "relu", "silu"),
    help="none: as the authors have it, who pass their networks' ReLU in; relu; silu: as YOLO's Conv and the pastes",
)

SCHEMA = {
    "kernel_size": Setting(default=3, parse=integer(odd=True), help="kernel size, odd"),
    "stride": Setting(default=1, parse=integer(), help="stride"),
    "dilation": Setting(default=1, parse=integer(), help="dilation; the padding keeps the map"),
    "groups": Setting(default=1, parse=integer(), help="groups; divide both widths"),
    "activation": _ACTIVATION,
}

POINT_SCHEMA = {"stride": SCHEMA["stride"], "activation": _ACTIVATION}


def inner_width(in_channels: int, groups: int) -> int:
    """Channels between the two factors of the squeezed branch."""
    return in_channels if groups <= 4 else 2 * in_channels


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    positive_channels("orepa", in_channels, out_channels)
    values = merge("orepa", SCHEMA, settings)
    reason = f"groups must divide the widths {in_channels} and {out_channels}"
    fit("orepa", "groups", values["groups"], divisors(math.gcd(in_channels, out_channels)), reason, explicit=True)
    return Resolved(settings=values)


def _resolve_point(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    positive_channels("orepa1x1", in_channels, out_channels)
    return Resolved(settings=merge("orepa1x1", POINT_SCHEMA, settings))


def _pixels(height: int, width: int, stride: int) -> int:
    """Pixels of the output."""
    return ((height - 1) // stride + 1) * ((width - 1) // stride + 1)


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    c, o, g, taps = in_channels, out_channels, values["groups"], values["kernel_size"] ** 2
    t = inner_width(c, g)
    params = o * c // g * (taps + 11) + t * c // g + o * t // g * taps + 8 * c * taps + 8 * o
    generation = taps * o * (c // g) * (t // g + 8)
    return BlockCost(params=params, macs=taps * o * c // g * _pixels(height, width, values["stride"]) + generation)


def _cost_point(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve_point(in_channels, out_channels, settings).settings
    c, o, t = in_channels, out_channels, min(in_channels, out_channels)
    macs = o * c * _pixels(height, width, values["stride"]) + o * t * c
    return BlockCost(params=o * c + t * c + o * t + 4 * o, macs=macs)


INFO = BlockInfo(
    name="orepa",
    title="OREPA",
    kind="convolution",
    factory="surgeon.blocks.orepa:OREPA",
    summary="Convolution whose kernel is generated from six branches in training; one plain convolution after fuse().",
    paper="Online Convolutional Re-parameterization, arXiv 2204.00826",
    year=2022,
    source="https://github.com/JUGGHM/OREPA_CVPR2022",
    changes_channels=True,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="kernel_size is odd; groups divide both widths",
    like_convolution=("kernel_size", "dilation", "groups", "activation"),
    formula=(
        r"y &= \mathrm{BN}(K * x)",
        r"K &= v_0 K_0 + v_1\, W_1 \tfrac{1}{k^2} + v_2\, W_2\, \Pi + v_3\, (\mathrm{I} + A)\, Z + v_4\, "
        r"\mathrm{pad}(W_4) + v_5\, W_5 D_5",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("online_reparameterization",),
    differences=(
        "Followed is the authors' code (JUGGHM/OREPA_CVPR2022 at 3ed037b). It has no activation of its own, nor has "
        "this one; pastes put SiLU behind it and choose the padding by themselves. activation=silu is that. In the "
        "place of a convolution, as YOLO's Conv, it takes kernel size, dilation, groups and activation from there. The "
        "padding is always the one that keeps the map; the "
        "authors demand kernel_size // 2, which is the same but for a dilation. Their frequency prior is filled in "
        "its upper left 3x3 alone, so that kernels of 5 and more start from uninitialised memory: here it is filled "
        "for every size. Their switch to the fused form raises when called twice; here fusing leaves the block as it "
        "is. The kernel is generated in single precision whatever the rest runs in. The counts are those of the "
        "training form, generation of the kernel included; the fused form costs what its one convolution costs. A "
        "replaced plain convolution of the same shape is taken over exactly: its kernel becomes the origin, the "
        "factors of the other branches 0."
    ),
    examples=(
        {"kernel_size": 5, "groups": 2, "activation": "silu"},
        {"groups": 8, "stride": 2, "activation": "relu"},
        {"dilation": 2},
    ),
)

POINT = BlockInfo(
    name="orepa1x1",
    title="OREPA_1x1",
    kind="convolution",
    factory="surgeon.blocks.orepa:OREPA1x1",
    summary="1x1 convolution whose kernel is generated from two branches in training; one convolution after fuse().",
    paper="Online Convolutional Re-parameterization, arXiv 2204.00826",
    year=2022,
    source="https://github.com/JUGGHM/OREPA_CVPR2022",
    changes_channels=True,
    defaults={key: setting.default for key, setting in POINT_SCHEMA.items()},
    options={key: setting.help for key, setting in POINT_SCHEMA.items()},
    constraints="",
    like_convolution=("activation",),
    formula=(r"y &= \mathrm{BN}\big((v_0 \odot W_0 + v_1 \odot W_2 W_1)\, x\big)",),
    resolve=_resolve_point,
    cost=_cost_point,
    differences=(
        "Followed is the authors' code (JUGGHM/OREPA_CVPR2022 at 3ed037b). The pastes leave this class out, as it "
        "gave them NaN in mixed precision; here the kernel is generated in single precision. There is no activation, "
        "as the authors have it, but in the place of a YOLO Conv that one's activation. The counts are those of "
        "the training form, generation of the kernel included."
    ),
    examples=({"stride": 2, "activation": "silu"},),
)
