"""Sea attention: squeeze-enhanced axial attention of SeaFormer, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, choice, integer, merge_same_channels, number
from surgeon.errors import BlockError

SCHEMA = {
    "key_dim": Setting(default=32, parse=integer(), help="channels of query and key in each head"),
    "num_heads": Setting(default=8, parse=integer(), help="attention heads; any number"),
    "attn_ratio": Setting(default=2.0, parse=number(0), help="channels of a head's value, as a multiple of key_dim"),
    "activation": Setting(
        default="relu6",
        parse=choice("relu6", "relu", "silu", "gelu", "hardswish"),
        help="activation: relu6, relu, silu, gelu or hardswish",
    ),
}


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    values = merge_same_channels("sea", SCHEMA, settings, in_channels, out_channels)
    if int(values["attn_ratio"] * values["key_dim"]) < 1:
        raise BlockError(
            f"sea: attn_ratio={values['attn_ratio']:g} does not work: a head's value has attn_ratio * key_dim "
            f"channels, which must be at least one. From {1 / values['key_dim']:g} on it works."
        )
    return Resolved(settings=values)


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    c, n, k = in_channels, height * width, values["key_dim"] * values["num_heads"]
    d = int(values["attn_ratio"] * values["key_dim"]) * values["num_heads"]
    detail = 4 * c * k + 3 * c * d + 9 * (d + 2 * k)
    axes = (height**2 + width**2) * (k + d) + d * d * (height + width)
    params = 4 * c * k + 3 * c * d + 2 * d * d + 90 * k + 17 * d + 4 * c
    return BlockCost(params=params, macs=n * detail + axes)


INFO = BlockInfo(
    name="sea",
    title="Sea_Attention",
    kind="attention",
    factory="surgeon.blocks.sea:Sea",
    summary="Attention along rows and columns of the averaged map, multiplied with a convolved detail branch.",
    paper="SeaFormer: Squeeze-enhanced Axial Transformer for Mobile Semantic Segmentation, arXiv 2301.13156",
    year=2023,
    source="https://github.com/fudan-zvg/SeaFormer",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="attn_ratio * key_dim is at least 1",
    formula=(
        r"q, k, v &= \mathrm{BN}(W_q x),\; \mathrm{BN}(W_k x),\; \mathrm{BN}(W_v x)",
        r"a_{\mathrm{row}} &= \mathrm{softmax}\!\left(\frac{(\mathrm{mean}_W(q) + P_q)^\top (\mathrm{mean}_W(k) + "
        r"P_k)}{\sqrt{d}}\right) \mathrm{mean}_W(v), \qquad a_{\mathrm{col}} \text{ with } \mathrm{mean}_H",
        r"g &= \mathrm{BN}\big(W_p\, \mathrm{ReLU6}(v + f_r(a_{\mathrm{row}}) + f_c(a_{\mathrm{col}}))\big), \qquad "
        r"f(t) = \mathrm{BN}(W\, \mathrm{ReLU6}(t))",
        r"y &= \mathrm{hsigmoid}(g) \odot \mathrm{BN}\big(W_d\, \mathrm{ReLU6}(\mathrm{BN}(D_{3 \times 3}\, [q; k; "
        r"v]))\big)",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("sea_attention", "seaformer", "squeeze_enhanced_axial_attention"),
    differences="Followed is fudan-zvg/SeaFormer@9718d05 (seaformer-cls/seaformer.py). Its class has no defaults for "
    "key_dim and num_heads, and its default activation, None, crashes; the models set ReLU6, and the "
    "pastes fix ReLU6, key_dim 32 and 8 heads: the defaults here. The class of seaformer-seg has "
    "attn_ratio 4 as default, but runs at 2 only, and then it is this one. Only BatchNorm is offered for "
    "norm_cfg. There is no residual: freshly built, the attention's last normalisations are zero and the "
    "output is half the detail branch.",
    examples=({"key_dim": 4, "num_heads": 3, "attn_ratio": 1.5, "activation": "hardswish"},),
)
