"""CoT: contextual transformer block, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, adapt, choice, divisors, integer, merge_same_channels
from surgeon.errors import BlockError

SCHEMA = {
    "kernel_size": Setting(default=3, parse=integer(odd=True), help="side of the neighbourhood, odd"),
    "key_groups": Setting(default=4, parse=integer(), help="groups of the key convolution; divides the channels"),
    "share_planes": Setting(
        default=8,
        parse=integer(),
        help="channels that share one set of local weights (official variant); divides the channels",
    ),
    "variant": Setting(
        default="official",
        parse=choice("official", "paste"),
        help="official: local aggregation, as the paper and its code; paste: the global softmax that circulates as CoT",
    ),
}


def hidden(channels: int) -> tuple[int, int]:
    """Widths between the layers of ``embed`` and of ``se`` for a number of channels."""
    return max(1, channels // 2), max(channels // 2, 32)


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    values = merge_same_channels("cot", SCHEMA, settings, in_channels, out_channels)
    keys = {"key_groups": "the groups", "share_planes": "the sharing channels"}
    if values["variant"] == "paste":
        if "share_planes" in settings and values["share_planes"] != SCHEMA["share_planes"].default:
            raise BlockError("cot: share_planes belongs to the official variant; the paste has no local weights.")
        del keys["share_planes"]
    notes: tuple[str, ...] = ()
    for key, what in keys.items():
        reason = f"{what} must divide the {in_channels} channels"
        notes += adapt("cot", values, key, divisors(in_channels), reason, given=settings)
    return Resolved(settings=values, notes=notes)


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    c, n, taps = in_channels, height * width, values["kernel_size"] ** 2
    m, a = hidden(c)
    shared = taps * c * c // values["key_groups"] + c * c + 2 * c * m  # key_embed, value and embed.0
    if values["variant"] == "paste":
        macs = n * (shared + m * taps * c)
        params = shared + 4 * c + 2 * m + m * taps * c + taps * c
        return BlockCost(params=params, macs=macs, executed=n * (shared + m * c) if taps > 1 else None)
    e = taps * (c // values["share_planes"])
    params = shared + m * e + 3 * e + 2 * m + 6 * c + 3 * c * a + 3 * a + 2 * c
    return BlockCost(
        params=params, macs=n * (shared + m * e) + 3 * c * a, elementwise_macs={"local aggregation": n * taps * c}
    )


INFO = BlockInfo(
    name="cot",
    title="CoT",
    kind="attention",
    factory="surgeon.blocks.cot:CoT",
    summary="Local aggregation with weights from input and context, mixed with that context by a learned selection.",
    paper="Contextual Transformer Networks for Visual Recognition, arXiv 2107.12292",
    year=2021,
    source="https://github.com/JDAI-CV/CoTNet",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="key_groups and share_planes divide C, kernel_size is odd",
    formula=(
        r"k &= \mathrm{ReLU}(\mathrm{BN}(K^{g=4}_{3 \times 3}\, x)), \qquad v = \mathrm{BN}(W_v x)",
        r"w &= \mathrm{GN}\big(W_2\, \mathrm{ReLU}(\mathrm{BN}(W_1\, [x; k]))\big) \in \mathbb{R}^{C/8 \times 9 "
        r"\times N}",
        r"u_i &= \mathrm{SiLU}\Big(\mathrm{BN}\Big(\sum_{n \in \mathcal{N}_{3 \times 3}(i)} w_{i,n} \odot "
        r"v_n\Big)\Big)",
        r"[s_u; s_k] &= \mathrm{softmax}_2\big(W_4\, \mathrm{ReLU}(\mathrm{BN}(W_3\, \mathrm{mean}_{H,W}(u + k)))\big)",
        r"y &= s_u \odot u + s_k \odot k",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("cotlayer", "cot_attention", "cotnet", "contextual_transformer"),
    differences="Followed is CotLayer of JDAI-CV/CoTNet@895e024 (models/cotnet.py), whose local aggregation is a CUDA "
    "operator of its own and whose training crashes on one image; both are gone here. The CoTAttention "
    "that circulates in YOLO articles (after xmu-xiaoma666@d75848e) is another operator: it averages the "
    "local weights over the neighbourhood and takes a softmax over all positions of the map, multiplied "
    "with the value: nothing local is left, the normalisations of the aggregation and the selection are "
    "missing, and the layer of weights is nine times as wide as what is read of it. variant=paste gives "
    "that form, for its checkpoints; here the nine rows are averaged before they are multiplied. "
    "key_groups and share_planes are fixed to 4 and 8 in both, which asks for a multiple of 8 channels.",
    examples=({"variant": "paste"}, {"kernel_size": 5, "key_groups": 2, "share_planes": 4}),
    zero_gradients=("se.0.bias", "attention_embed.3.bias"),
)
