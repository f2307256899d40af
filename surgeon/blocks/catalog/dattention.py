"""DAttention: deformable attention of DAT, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import (
    Setting,
    adapt,
    divisors,
    fit,
    flag,
    integer,
    map_size,
    merge_same_channels,
    number,
)
from surgeon.errors import BlockError

SCHEMA = {
    "n_heads": Setting(default=8, parse=integer(), help="attention heads; divides the channels"),
    "n_groups": Setting(
        default=4, parse=integer(), help="groups of channels with offsets of their own; divides n_heads"
    ),
    "kv_stride": Setting(default=1, parse=integer(), help="step between sampled points (the authors' stride)"),
    "offset_range_factor": Setting(
        default=4.0, parse=number(), help="largest offset, in half steps of the grid; negative: unbounded, on the map"
    ),
    "use_pe": Setting(default=True, parse=flag, help="whether there is a position term: true or false"),
    "dwc_pe": Setting(default=True, parse=flag, help="true: a depthwise convolution of the query as position term"),
    "no_off": Setting(default=False, parse=flag, help="true: averages in place of sampled points, no position term"),
    "fixed_pe": Setting(default=False, parse=flag, help="false: a table of one map size's pixel pairs serves no other"),
    "ksize": Setting(default=3, parse=integer(), help="side of the offsets' depthwise kernel"),
    "log_cpb": Setting(default=False, parse=flag, help="true, with dwc_pe=false: position bias by a small network"),
    "table": Setting(
        default=(20, 20),
        parse=map_size,
        help="map size [height, width] of the position table, where neither dwc_pe nor log_cpb is on",
    ),
}

#: Hidden units of the network of ``log_cpb``.
HIDDEN = 32


def position(settings: Mapping[str, Any]) -> str:
    """Which position term the settings ask for: ``none``, ``dwc``, ``log`` or ``table``."""
    if settings["no_off"] or not settings["use_pe"]:
        return "none"
    return "dwc" if settings["dwc_pe"] else "log" if settings["log_cpb"] else "table"


def padding(settings: Mapping[str, Any]) -> int:
    """Zeros around the map under the offsets' kernel: half of it, none where it is as wide as the stride."""
    return 0 if settings["ksize"] == settings["kv_stride"] else int(settings["ksize"]) // 2


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    values = merge_same_channels("dattention", SCHEMA, settings, in_channels, out_channels)
    if values["fixed_pe"]:
        raise BlockError(
            "dattention: fixed_pe=True does not work: its table holds one map size's pixel pairs, and this block "
            "serves any size. A table for any size is dwc_pe=False."
        )
    if values["log_cpb"] and values["dwc_pe"]:
        raise BlockError("dattention: log_cpb=True has no effect beside dwc_pe=True; set dwc_pe=False with it.")
    heads = divisors(in_channels)
    if "n_groups" in settings and "n_heads" not in settings:
        groups = values["n_groups"]
        reason = f"groups must divide the {in_channels} channels"
        fit("dattention", "n_groups", groups, heads, reason, explicit=True)
        heads = [count for count in heads if count % groups == 0]
    reason = f"heads must divide the {in_channels} channels"
    notes = adapt("dattention", values, "n_heads", heads, reason, given=settings)
    reason = f"groups must divide the {values['n_heads']} heads"
    notes += adapt("dattention", values, "n_groups", divisors(values["n_heads"]), reason, given=settings)
    return Resolved(settings=values, notes=notes)


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    c, heads, groups, k, step = (
        in_channels,
        values["n_heads"],
        values["n_groups"],
        values["ksize"],
        values["kv_stride"],
    )
    if values["no_off"]:
        down, across = (-(-side // step) for side in (height, width))
    else:
        down, across = (max(0, side + 2 * padding(values) - k) // step + 1 for side in (height, width))
    pixels, points = height * width, down * across
    rows, columns = (2 * side - 1 for side in values["table"])
    params, macs = {
        "none": (0, 0),
        "dwc": (10 * c, 9 * c * pixels),
        "log": (3 * HIDDEN + HIDDEN * heads // groups, groups * pixels * points * HIDDEN * (2 + heads // groups)),
        "table": (heads * rows * columns, 0),
    }[position(values)]
    if not values["no_off"]:
        params += c // groups * (k * k + 5)
        macs += points * c * (k * k + 2)
    return BlockCost(
        params=4 * c * c + 4 * c + params,
        macs=2 * c * c * (pixels + points) + 2 * pixels * points * c + macs,
    )


INFO = BlockInfo(
    name="dattention",
    title="DAttention",
    kind="attention",
    factory="surgeon.blocks.dattention:DAttention",
    summary="Attention of every pixel to points of the map that learned offsets move.",
    paper="Vision Transformer with Deformable Attention, arXiv 2201.00520",
    year=2022,
    source="https://github.com/LeapLabTHU/DAT",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="n_groups divides n_heads, n_heads divides C; time grows with (H·W)² / kv_stride², with a table or "
    "log_cpb memory too",
    formula=(
        r"q &= W_q x, \qquad \Delta = \frac{f}{(H - 1,\, W - 1)} \tanh\big(W_\Delta\, \mathrm{GELU}(\mathrm{LN}(D_{3 "
        r"\times 3}\, q))\big)",
        r"\tilde x &= \text{bilinear samples of } x \text{ at grid} + \Delta, \qquad k, v = W_k \tilde x,\; W_v "
        r"\tilde x",
        r"y_i &= W_o\, \Big(\sum_j \mathrm{softmax}_j\!\left(\frac{q_i^\top k_j}{\sqrt{d}}\right) v_j + (D_{3 \times "
        r"3}\, q)_i\Big) \qquad \text{per head}",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("dat", "deformable_attention", "defattention", "dattention_baseline"),
    differences="Followed is DAttentionBaseline of LeapLabTHU/DAT@32173fc (models/dat_blocks.py), with the defaults of "
    "the pasted DAttention; kv_stride is its stride. The grid that offsets move is half a pixel off in that "
    "code: point i lies at (i + 0.5) / (n - 1), and the last row beyond the map, where zeros are read; that is "
    "followed. A grid of one point along an axis divides by zero there: here it divides by one. The paper "
    "bounds offsets by offset_range_factor; the authors' later configurations (DAT++) set it to -1: no tanh, "
    "and positions are clamped to the map. The position table is read at relative positions, so that it serves "
    "every map size as it is; fixed_pe, a table of pixel pairs, is refused. no_off builds no offset network "
    "(the authors hold a frozen one that nothing reads), runs also with use_pe and dwc_pe, where theirs "
    "crashes, and averages what is left in the last window of a map that the stride does not divide. "
    "torch.export needs sizes that leave two points along each side, whatever the strides.",
    examples=(
        {"kv_stride": 2, "offset_range_factor": -1, "dwc_pe": False, "table": (5, 7), "n_heads": 4, "n_groups": 2},
        {"dwc_pe": False, "log_cpb": True, "offset_range_factor": 2, "ksize": 5, "kv_stride": 2, "n_groups": 1},
        {"no_off": True, "kv_stride": 2, "n_heads": 4},
        {"use_pe": False, "kv_stride": 2, "ksize": 4, "n_groups": 1},
    ),
    zero_gradients=("proj_k.bias",),
)
