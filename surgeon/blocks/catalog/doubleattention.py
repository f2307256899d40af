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


NEVER = 1 << 60
"""More pixels than a map has."""


def _per_pixel(in_channels: int, out_channels: int, values: Mapping[str, Any]) -> tuple[int, int]:
    """MACs a pixel of the definition, and of the form that gathers the input before it is projected."""
    m, n = int(values["c_m"]), int(values["c_n"])
    definition = in_channels * m + 2 * in_channels * n + 2 * m * n + (m * out_channels if values["reconstruct"] else 0)
    return definition, 3 * in_channels * n + out_channels * n


def _projections(in_channels: int, out_channels: int, values: Mapping[str, Any]) -> int:
    """MACs of that form whatever the map: the projections of what was gathered."""
    return int(values["c_m"]) * int(values["c_n"]) * (in_channels + (out_channels if values["reconstruct"] else 0))


def lean_from(in_channels: int, out_channels: int, values: Mapping[str, Any]) -> int:
    """Pixels from which on gathering first is a tenth less work; `NEVER` where it never is."""
    definition, lean = _per_pixel(in_channels, out_channels, values)
    # The batch softmax's weights do not sum to one.
    if values["variant"] != "nguyenvo09" or 9 * definition <= 10 * lean:
        return NEVER
    return 10 * _projections(in_channels, out_channels, values) // (9 * definition - 10 * lean) + 1


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
    definition, lean = (pixels * one for one in _per_pixel(c, out_channels, values))
    executed = lean + _projections(c, out_channels, values)
    pays = pixels >= lean_from(c, out_channels, values)
    return BlockCost(params=params, macs=definition, executed=executed if pays else None)


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
