"""FLA: focused linear attention of FLatten Transformer, as data."""

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
    optional,
)

SCHEMA = {
    "num_heads": Setting(default=8, parse=integer(), help="attention heads; divides the channels"),
    "focusing_factor": Setting(default=3, parse=integer(), help="power p of the focusing map"),
    "kernel_size": Setting(default=5, parse=integer(odd=True), help="depthwise kernel on the values, odd"),
    "normaliser": Setting(
        default="sum",
        parse=choice("sum", "mean"),
        help="sum: 1 / (q·sum k + 1e-6), the 2023 code and every paste; mean: 1 / (q·mean k + 1e-6), since May 2024",
    ),
    "qkv_bias": Setting(default=True, parse=flag, help="biases on query, key and value: true or false"),
    "position": Setting(
        default=None,
        parse=optional(map_size),
        help="null, or the size [height, width] of a learned position table added to the keys",
    ),
    "sr_ratio": Setting(default=1, parse=integer(), help="keys and values from a map this many times smaller (PVT)"),
    "project": Setting(default=True, parse=flag, help="output projection: true or false"),
    "lepe": Setting(default=False, parse=flag, help="extra depthwise 3x3 on the values (CSwin): true or false"),
}


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    values = merge_same_channels("fla", SCHEMA, settings, in_channels, out_channels)
    reason = f"heads must divide the {in_channels} channels"
    notes = adapt("fla", values, "num_heads", divisors(in_channels), reason, given=settings)
    return Resolved(settings=values, notes=notes)


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    c, n, r = in_channels, height * width, values["sr_ratio"]
    d, k = c // values["num_heads"], values["kernel_size"]
    keys = -(-height // r) * -(-width // r)
    params = 3 * c * c + c + d * (k * k + 1)
    # query, key and value; normaliser; keys times values; queries times that; depthwise on the values
    macs = n * c * c + 2 * keys * c * c + n * c + keys * c * d + n * c * d + n * k * k * c
    if values["qkv_bias"]:
        params += 3 * c
    if values["project"]:
        params, macs = params + c * c + c, macs + n * c * c
    if values["lepe"]:
        params, macs = params + 10 * c, macs + 9 * c * n
    if r > 1:  # strided convolution with bias, and a LayerNorm
        params, macs = params + r * r * c * c + 3 * c, macs + keys * r * r * c * c
    if values["position"]:
        params += c * values["position"][0] * values["position"][1]
    return BlockCost(params=params, macs=macs)


INFO = BlockInfo(
    name="fla",
    title="FLA",
    kind="attention",
    factory="surgeon.blocks.fla:FLA",
    summary="Linear-cost global attention with a focusing map and a depthwise convolution on the values.",
    paper="FLatten Transformer: Vision Transformer using Focused Linear Attention, arXiv 2308.00442",
    year=2023,
    source="https://github.com/LeapLabTHU/FLatten-Transformer",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="num_heads divides C; kernel_size is odd",
    formula=(
        r"\varphi(t) &= \lVert u \rVert\, \frac{u^p}{\lVert u^p \rVert}, \quad u = \frac{\mathrm{ReLU}(t) + "
        r"\varepsilon}{\mathrm{softplus}(s)}, \quad p = 3",
        r"q, k, v &= \varphi(W_q x),\; \varphi(W_k x),\; W_v x",
        r"o_i &= \frac{\big(\sum_j v_j k_j^\top\big)\, q_i}{q_i^\top \sum_j k_j + \varepsilon} \qquad \text{per head}",
        r"y &= W_o\, (o + D_{5 \times 5}\, v)",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("focused_linear_attention", "flatten", "focusedlinearattention"),
    differences=(
        "Two versions of the authors' code differ in their numbers. That of 2023, which every paste holds, divides by "
        "q·sum k (normaliser=sum, followed); since May 2024 it divides by q·mean k and scales keys and values "
        "(normaliser=mean): with the same weights outputs of about 1 differ by up to 0.09. Kept as they are: the "
        "focusing runs over all channels, not within a head, and one depthwise kernel serves all heads. Pastes take "
        "every map for a square: others crash, or are mixed up without a word where N is a square number (10x40 is "
        "read as 20x20). In half precision they give NaN and infinities at ordinary activations; here focusing and "
        "normaliser run in single precision. A windowed paste fails beyond 400 pixels, and one puts the block where "
        "C2f has no shortcut, so that its parameters exist and never run."
    ),
    examples=(
        {"normaliser": "mean", "position": (6, 7)},
        {"sr_ratio": 2, "position": (3, 4), "normaliser": "mean", "qkv_bias": False},
        {"project": False, "lepe": True, "focusing_factor": 4},
    ),
)
