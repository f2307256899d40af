"""BAM: bottleneck attention, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, adapt_reduction, choice, integer, merge_same_channels, optional

SCHEMA = {
    "reduction": Setting(
        default=16, parse=integer(), help="the hidden width is C / reduction, rounded down; at most C"
    ),
    "variant": Setting(
        default="official",
        parse=choice("official", "paste"),
        help="official: the authors' code, the branches multiply; paste: the branches are added, with one 3x3 and two "
        "dense layers more",
    ),
    "dilation": Setting(
        default=None,
        parse=optional(integer()),
        help="dilation of the spatial branch's 3x3 convolutions; null takes 4 (paste: 2)",
    ),
    "num_layers": Setting(
        default=None,
        parse=optional(integer()),
        help="hidden layers of the channel branch; null takes 1 (paste: 3)",
    ),
    "num_convs": Setting(
        default=None,
        parse=optional(integer()),
        help="3x3 convolutions of the spatial branch; null takes 2 (paste: 3)",
    ),
}


def depths(values: Mapping[str, Any]) -> tuple[int, int, int]:
    """Dilation, hidden layers of the channel branch, 3x3 convolutions of the spatial one."""
    built_in = (4, 1, 2) if values["variant"] == "official" else (2, 3, 3)
    dilation, layers, convs = (
        int(values[key] or fallback)
        for key, fallback in zip(("dilation", "num_layers", "num_convs"), built_in, strict=True)
    )
    return dilation, layers, convs


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    values = merge_same_channels("bam", SCHEMA, settings, in_channels, out_channels)
    notes = adapt_reduction("bam", values, "reduction", in_channels, given=settings)
    return Resolved(settings=values, notes=notes)


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    c, r = in_channels, in_channels // int(values["reduction"])
    _, layers, convs = depths(values)
    channel = 2 * c * r + (layers - 1) * r * r
    spatial = c * r + convs * 9 * r * r + r
    return BlockCost(
        params=channel + 3 * r * layers + c + spatial + 3 * r * (convs + 1) + 1,
        macs=channel + height * width * spatial,
    )


INFO = BlockInfo(
    name="bam",
    title="BAM",
    kind="attention",
    factory="surgeon.blocks.bam:BAM",
    summary="A channel gate and a dilated spatial gate, joined before the sigmoid and added to the identity.",
    paper="BAM: Bottleneck Attention Module, arXiv 1807.06514",
    year=2018,
    source="https://github.com/Jongchan/attention-module",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="reduction at most C",
    formula=(
        r"M_c &= W_2\, \mathrm{ReLU}(\mathrm{BN}(W_1\, \mathrm{mean}_{H,W}(x)))",
        r"M_s &= W_4\, f_2(f_1(\mathrm{ReLU}(\mathrm{BN}(W_3 x)))), \qquad f_i(t) = "
        r"\mathrm{ReLU}(\mathrm{BN}(K^{(4)}_{3 \times 3}\, t))",
        r"y &= x \odot (1 + \sigma(M_c \odot M_s)) \qquad \text{(variant=paste: } M_c + M_s \text{)}",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("bamblock", "bam_block", "bottleneck_attention", "bamattention"),
    differences=(
        "Followed is the authors' code (Jongchan/attention-module at 459efad), which multiplies the branches before "
        "the sigmoid. As published its constructor raises a NameError, it pools with a square window (a map higher "
        "than wide fails, a wider one loses its right columns without a word) and one training image crashes: here "
        "the mean is over the whole map, and one value per channel takes the running statistics. Pastes add the "
        "branches, with three dense layers, three 3x3 convolutions and dilation 2: variant=paste, after "
        "z1069614715/objectdetection_script at cb1b621. Another in circulation (xmu-xiaoma666) pads by 1 whatever the "
        "dilation: the map shrinks by 6, and only 7x7 maps run at all."
    ),
    examples=({"reduction": 4}, {"variant": "paste", "reduction": 4}, {"reduction": 2, "dilation": 1, "num_convs": 1}),
    zero_gradients=(
        *(f"channel_fc.{index}.bias" for index in range(8)),
        "spatial_reduce.bias",
        *(f"spatial_conv.{index}.bias" for index in range(8)),
    ),
)
