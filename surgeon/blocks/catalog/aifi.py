"""AIFI: attention-based intra-scale feature interaction of RT-DETR, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, adapt, choice, divisors, flag, integer, merge_same_channels, number

SCHEMA = {
    "cm": Setting(default=2048, parse=integer(), help="hidden width of the feed-forward layers"),
    "num_heads": Setting(default=8, parse=integer(), help="attention heads; divides the channels"),
    "dropout": Setting(default=0.0, parse=number(minimum=0, maximum=1), help="dropout in training, 0 to 1"),
    "act": Setting(
        default="gelu", parse=choice("gelu", "relu", "silu"), help="feed-forward activation: gelu, relu or silu"
    ),
    "normalize_before": Setting(
        default=False, parse=flag, help="normalise before attention and feed-forward instead of after: true or false"
    ),
    "variant": Setting(
        default="ultralytics",
        parse=choice("ultralytics", "legacy"),
        help="ultralytics: positions as released today; legacy: as older copies, equal on square maps only",
    ),
}


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    values = merge_same_channels("aifi", SCHEMA, settings, in_channels, out_channels)
    reason = f"heads must divide the {in_channels} channels"
    notes = adapt("aifi", values, "num_heads", divisors(in_channels), reason, given=settings)
    return Resolved(settings=values, notes=notes)


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    c, n, cm = in_channels, height * width, values["cm"]
    return BlockCost(params=4 * c * c + 9 * c + 2 * c * cm + cm, macs=n * (4 * c * c + 2 * c * cm) + 2 * n * n * c)


INFO = BlockInfo(
    name="aifi",
    title="AIFI",
    kind="attention",
    factory="surgeon.blocks.aifi:AIFI",
    summary="A transformer encoder layer over all pixels, with sine and cosine positions on queries and keys.",
    paper="DETRs Beat YOLOs on Real-time Object Detection, arXiv 2304.08069",
    year=2023,
    source="https://github.com/ultralytics/ultralytics",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="num_heads divides C; memory and time grow with (H·W)²",
    formula=(
        r"e &= [\sin y\omega;\, \cos y\omega;\, \sin x\omega;\, \cos x\omega], \qquad \omega_i = 10000^{-4i/C}",
        r"a &= W_o\, \mathrm{softmax}\!\left(\frac{(W_q (x + e))^\top\, W_k (x + e)}{\sqrt{d}}\right) W_v x \qquad "
        r"\text{per head}",
        r"x' &= \mathrm{LN}(x + a), \qquad y = \mathrm{LN}\big(x' + W_2\, \mathrm{GELU}(W_1 x')\big)",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("intra_scale_feature_interaction", "transformer_encoder_layer"),
    differences="Followed is the class AIFI of Ultralytics 8.4.190 (nn/modules/transformer.py), the encoder layer of "
    "RT-DETR. Older copies number the pixels column by column while the tokens run row by row: right on "
    "square maps only, wrong on every other; variant=legacy gives that order for weights trained so. The "
    "published class asks for a multiple of 4 channels; here the one to three channels left over carry no "
    "position. Of the 2048 hidden channels come 4096 C parameters: set cm to something smaller on a small "
    "network.",
    examples=(
        {"cm": 24, "normalize_before": True, "act": "silu"},
        {"cm": 20, "num_heads": 2, "variant": "legacy", "act": "relu"},
    ),
    zero_gradients=(),
)
