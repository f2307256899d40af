"""iRMB: inverted residual mobile block of EMO, as data."""

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
    merge,
    number,
    positive_channels,
)
from surgeon.errors import BlockError

SCHEMA = {
    "exp_ratio": Setting(default=1.0, parse=number(0), help="width between value and output, as a multiple of C"),
    "act_layer": Setting(
        default="relu",
        parse=choice("relu", "silu", "gelu", "hardswish"),
        help="activation of the value: relu, silu, gelu or hardswish",
    ),
    "dw_ks": Setting(default=3, parse=integer(odd=True), help="side of the depthwise kernel, odd"),
    "stride": Setting(default=1, parse=integer(), help="stride of the output"),
    "dim_head": Setting(default=64, parse=integer(), help="channels of query and key in each head; divides C"),
    "window_size": Setting(default=7, parse=integer(), help="side of the attention windows, in pixels"),
    "qkv_bias": Setting(default=False, parse=flag, help="biases of query, key and value: true or false"),
    "norm_eps": Setting(default=1e-6, parse=number(0), help="epsilon of the BatchNorms; the paste has 1e-5"),
}


def middle(channels: int, exp_ratio: float) -> int:
    """Width between value and output."""
    return int(exp_ratio * channels)


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    positive_channels("irmb", in_channels, out_channels)
    values = merge("irmb", SCHEMA, settings)
    m = middle(in_channels, values["exp_ratio"])
    if m < 1:
        raise BlockError(
            f"irmb: exp_ratio={values['exp_ratio']:g} does not work: of {in_channels} channels it leaves none. "
            f"From {1 / in_channels:g} on it works."
        )
    allowed = [size for size in divisors(in_channels) if m % (in_channels // size) == 0]
    reason = f"a head's width must divide the {in_channels} channels, and the heads the {m} of the value"
    notes = adapt("irmb", values, "dim_head", allowed, reason, given=settings)
    return Resolved(settings=values, notes=notes)


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    c, m, taps, w = in_channels, middle(in_channels, values["exp_ratio"]), values["dw_ks"] ** 2, values["window_size"]
    padded = -(-height // w) * -(-width // w) * w * w
    stride = values["stride"]
    out = -(-height // stride) * -(-width // stride)
    bias = 2 * c + m if values["qkv_bias"] else 0
    return BlockCost(
        params=2 * c + 2 * c * c + c * m + m * (taps + 2) + m * out_channels + bias,
        macs=padded * (2 * c * c + c * m + w * w * (c + m)) + out * (taps * m + m * out_channels),
    )


INFO = BlockInfo(
    name="irmb",
    title="iRMB",
    kind="attention",
    factory="surgeon.blocks.irmb:IRMB",
    summary="Attention in strided windows and a depthwise convolution inside one inverted residual.",
    paper="Rethinking Mobile Block for Efficient Attention-based Models, arXiv 2301.01146",
    year=2023,
    source="https://github.com/zhangzjn/EMO",
    changes_channels=True,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="dim_head divides C, dw_ks is odd",
    formula=(
        r"\hat x &= \mathrm{BN}(x), \qquad [q; k] = W_{qk}\, \hat x, \qquad v = \mathrm{ReLU}(W_v \hat x)",
        r"a_i &= \sum_j \mathrm{softmax}_j\!\left(\frac{q_i^\top k_j}{\sqrt{d}}\right) v_j \qquad j \text{ of equal } "
        r"y \bmod H/w,\; x \bmod W/w",
        r"y &= x + W_p\, \big(a + \mathrm{SiLU}(\mathrm{BN}(D_{3 \times 3}\, a))\big)",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("inverted_residual_mobile_block", "emo"),
    differences="Followed is iRMB of zhangzjn/EMO@27d9b40 (model/emo.py) with normalisation, value projection and "
    "windows on, and no squeeze-and-excitation, as the models have it. Its windows are no neighbourhoods: "
    "the pixels that attend to each other are those of equal y modulo H / w and x modulo W / w, w the "
    "window size; the map is filled up with zeros after the normalisation, and these take part unmasked. "
    "Both residuals exist only where the width and the stride stay. The class in YOLO articles differs in "
    "values alone: act_layer=silu, dim_head=16 and norm_eps=1e-5 give it (a network that Ultralytics "
    "builds from a yaml sets every BatchNorm's epsilon to 1e-3 anyway).",
    examples=(
        {"exp_ratio": 2.0, "act_layer": "silu", "dim_head": 8, "window_size": 4, "dw_ks": 5, "qkv_bias": True},
        {"stride": 2, "dim_head": 4},
    ),
)
