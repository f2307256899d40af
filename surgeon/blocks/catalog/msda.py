"""MSDA: multi-scale dilated attention of DilateFormer, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import (
    Setting,
    adapt,
    divisors,
    flag,
    integer,
    integers,
    merge_same_channels,
    number,
    optional,
)
from surgeon.errors import BlockError

SCHEMA = {
    "num_heads": Setting(
        default=8, parse=integer(), help="attention heads; divides the channels, a multiple of the dilations' number"
    ),
    "qkv_bias": Setting(default=False, parse=flag, help="biases of query, key and value: true or false"),
    "qk_scale": Setting(
        default=None, parse=optional(number()), help="factor on the logits; null takes (C / num_heads)^-0.5"
    ),
    "attn_drop": Setting(
        default=0.0, parse=number(minimum=0, maximum=1), help="dropout of the attention weights in training, 0 to 1"
    ),
    "proj_drop": Setting(
        default=0.0, parse=number(minimum=0, maximum=1), help="dropout of the output in training, 0 to 1"
    ),
    "kernel_size": Setting(default=3, parse=integer(odd=True), help="side of the attended neighbourhood, odd"),
    "dilation": Setting(
        default=(1, 2, 3),
        parse=integers(),
        help="steps between attended neighbours, one for each equal share of the heads",
    ),
}


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    values, notes = merge_same_channels("msda", SCHEMA, settings, in_channels, out_channels), []
    fixed_heads = values["num_heads"] if "num_heads" in settings else None
    shares = len(values["dilation"])
    if in_channels % shares or (fixed_heads is not None and fixed_heads % shares and "dilation" not in settings):
        if "dilation" in settings:
            raise BlockError(
                f"msda: dilation={list(values['dilation'])} does not work: {shares} equal shares do not divide the "
                f"{in_channels} channels. Lengths that work: {', '.join(map(str, divisors(in_channels)[:16]))}."
            )
        number_of_heads = in_channels if fixed_heads is None else fixed_heads
        shares = max(n for n in range(1, shares + 1) if in_channels % n == 0 and number_of_heads % n == 0)
        values["dilation"] = values["dilation"][:shares]
        notes.append(
            f"msda: dilation is {list(values['dilation'])} instead of the default [1, 2, 3]: equal shares must divide "
            f"the {in_channels} channels and the heads."
        )
    allowed = [heads for heads in divisors(in_channels) if heads % shares == 0]
    reason = f"heads must divide the {in_channels} channels and come in {shares} equal shares, one a dilation"
    notes += adapt("msda", values, "num_heads", allowed, reason, given=settings)
    return Resolved(settings=values, notes=tuple(notes))


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    c, n = in_channels, height * width
    bias = 3 * c if values["qkv_bias"] else 0
    local = 2 * values["kernel_size"] ** 2 * c
    return BlockCost(params=4 * c * c + c + bias, macs=n * (4 * c * c + local), executed=n * 4 * c * c)


INFO = BlockInfo(
    name="msda",
    title="MSDA",
    kind="attention",
    factory="surgeon.blocks.msda:MSDA",
    summary="Local self-attention in which each share of the heads looks at a neighbourhood of its own dilation.",
    paper="DilateFormer: Multi-Scale Dilated Transformer for Visual Recognition, arXiv 2302.01791",
    year=2023,
    source="https://github.com/JIAOJIAYUASD/dilateformer",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="the number of dilations divides num_heads, num_heads divides C, kernel_size is odd",
    formula=(
        r"o^{(r)}_i &= \sum_{n \in \mathcal{N}^{(r)}_{3 \times 3}(i)} \mathrm{softmax}_n\!\left(\frac{q_i^\top "
        r"k_n}{\sqrt{d}}\right) v_n \qquad \text{per head, dilation } r \text{ of its share}",
        r"y &= W_o\, [o^{(1)}; o^{(2)}; o^{(3)}], \qquad [q; k; v] = W x",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("multi_dilate_local_attention", "multi_dilatelocal_attention", "dilateformer"),
    differences="Followed is JIAOJIAYUASD/dilateformer@99f85bb (models/dilateformer.py), on maps (B, C, H, W) where "
    "it takes (B, H, W, C). Neighbours beyond the border are attended with logit 0 and value 0, as there. "
    "Its own defaults cannot be built together (8 heads do not split into 3 dilations): here the heads "
    "are adapted. The official class, and every paste of it, writes its result into its own input, in "
    "evaluation too, and through the permuted view into the map that other layers of the network still "
    "read; its backward in single precision raises because of it. Here the input stays as it is, the "
    "output is the same.",
    examples=(
        {"dilation": (2, 3), "qkv_bias": True, "num_heads": 4},
        {"kernel_size": 5, "dilation": (1,), "qk_scale": 0.3},
    ),
)
