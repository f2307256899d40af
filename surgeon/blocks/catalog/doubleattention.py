"""DoubleAttention of A²-Nets, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, adapt, choice, flag, integer, merge, positive_channels

SCHEMA = {
    "c_m": Setting(default=128, parse=integer(), help="channels of what is gathered and distributed"),
    "c_n": Setting(default=128, parse=integer(), help="number of attention maps"),
    "reconstruct": Setting(
        default=True, parse=flag, help="true: a 1x1 convolution back from c_m channels; false: c_m channels come out"
    ),
    "variant": Setting(
        default="nguyenvo09",
        parse=choice("nguyenvo09", "batchsoftmax"),
        help="nguyenvo09: softmax over pixels and over maps, as in the paper; batchsoftmax: over the images of the "
        "batch, the mistake of the common paste, for its weights only",
    ),
}


def definition_macs(in_channels: int, out_channels: int, pixels: int, values: Mapping[str, Any]) -> int:
    """MACs of the definition."""
    m, n = int(values["c_m"]), int(values["c_n"])
    per_pixel = in_channels * m + 2 * in_channels * n + 2 * m * n
    return pixels * (per_pixel + (m * out_channels if values["reconstruct"] else 0))


def lean_macs(in_channels: int, out_channels: int, pixels: int, values: Mapping[str, Any]) -> int | None:
    """MACs of the form that gathers the input before it is projected, or None where that is hardly less work."""
    if values["variant"] != "nguyenvo09":
        return None  # its weights do not sum to one
    m, n = int(values["c_m"]), int(values["c_n"])
    macs = pixels * (3 * in_channels * n + out_channels * n)
    macs += m * n * (in_channels + (out_channels if values["reconstruct"] else 0))
    return macs if macs < 0.9 * definition_macs(in_channels, out_channels, pixels, values) else None


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    positive_channels("doubleattention", in_channels, out_channels)
    values = merge("doubleattention", SCHEMA, settings)
    notes: tuple[str, ...] = ()
    if not values["reconstruct"]:
        reason = f"without reconstruct the output has c_m channels, and {out_channels} must come out"
        notes = adapt("doubleattention", values, "c_m", [out_channels], reason, given=settings)
    return Resolved(settings=values, notes=notes)


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    c, m, n, pixels = in_channels, values["c_m"], values["c_n"], height * width
    params = c * m + 2 * c * n + m + 2 * n
    if values["reconstruct"]:
        params += m * out_channels + out_channels
    macs = definition_macs(c, out_channels, pixels, values)
    return BlockCost(params=params, macs=macs, executed=lean_macs(c, out_channels, pixels, values))


INFO = BlockInfo(
    name="doubleattention",
    title="DoubleAttention",
    kind="attention",
    factory="surgeon.blocks.doubleattention:DoubleAttention",
    summary="Gather features of the whole map by attention, and distribute them to each pixel by attention.",
    paper="A²-Nets: Double Attention Networks, arXiv 1810.11579",
    year=2018,
    source="https://github.com/nguyenvo09/Double-Attention-Network",
    changes_channels=True,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="without reconstruct, c_m is the output width",
    formula=(
        r"G &= (W_A x)\, \mathrm{softmax}_N(W_B x)^\top \in \mathbb{R}^{c_m \times c_n}",
        r"y &= W_r\, G\, \mathrm{softmax}_{c_n}(W_V x)",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("double_attention", "double_attention_layer", "a2_nets", "a2_attention"),
    differences="No code of the authors was found. Followed is nguyenvo09's (commit c378693), which does as the paper "
    "says; its default is reconstruct=False, here True, so that the width stays. The paste that is common in YOLO "
    "(xmu-xiaoma666, c_m = c_n = 128) holds the same tensors, but names no axis for its softmaxes, which torch "
    "then takes over the images of the batch: with one image both are 1 everywhere, the output is the same at every "
    "pixel and two of its four convolutions never learn; with more images, each result depends on its neighbours. "
    "variant=batchsoftmax reproduces that, for weights that were trained so.",
    examples=({"c_m": 24, "c_n": 8}, {"reconstruct": False, "c_n": 10}),
    zero_gradients=("convB.bias",),
)
