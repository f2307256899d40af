"""HAT: hybrid attention block, overlapping cross-attention block and channel attention block, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, adapt, divisors, integer, merge_same_channels, number
from surgeon.errors import BlockError

_HEADS = Setting(default=6, parse=integer(), help="attention heads; divides the channels")
CAB_SCHEMA = {
    "compress_ratio": Setting(default=3, parse=integer(), help="the convolutions' inner width is C // compress_ratio"),
    "squeeze_factor": Setting(default=30, parse=integer(), help="the gate's inner width is C // squeeze_factor"),
}
SCHEMA = {
    "num_heads": _HEADS,
    "window_size": Setting(default=7, parse=integer(), help="side of the attention windows, in pixels"),
    "shift_size": Setting(default=0, parse=integer(0), help="shift of the windows, 0 to window_size - 1"),
    **CAB_SCHEMA,
    "conv_scale": Setting(default=0.01, parse=number(), help="factor on the channel attention branch"),
    "mlp_ratio": Setting(default=4.0, parse=number(0), help="hidden width of the MLP, as a multiple of C"),
}
OCAB_SCHEMA = {
    "num_heads": _HEADS,
    "window_size": Setting(default=16, parse=integer(), help="side of the query windows, in pixels"),
    "overlap_ratio": Setting(
        default=0.5,
        parse=number(minimum=0),
        help="key windows are int(window_size * overlap_ratio) larger, an even number",
    ),
    "mlp_ratio": Setting(default=2.0, parse=number(0), help="hidden width of the MLP, as a multiple of C"),
}


def _widths(block: str, channels: int, values: dict[str, Any], settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Fit what depends on the width; returns the notes."""
    notes: list[str] = []
    allowed = {"num_heads": divisors(channels)}
    for key in (key for key in CAB_SCHEMA if key in values):
        # A default that leaves no channel is lowered until four are left: one alone often dies behind its ReLU.
        left = 1 if key in settings or values[key] <= channels else min(4, channels)
        allowed[key] = list(range(1, channels // left + 1))
    for key in (key for key in values if key in allowed):
        reason = f"heads must divide the {channels} channels"
        if key != "num_heads":
            reason = f"it divides {channels} channels down, and some must be left"
        notes += adapt(block, values, key, allowed[key], reason, given=settings)
    if "mlp_ratio" in values and int(channels * values["mlp_ratio"]) < 1:
        raise BlockError(
            f"{block}: mlp_ratio={values['mlp_ratio']:g} does not work: of {channels} channels it leaves none. "
            f"From {1 / channels:g} on it works."
        )
    return tuple(sorted(notes))


def _resolve_cab(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    values = merge_same_channels("cab", CAB_SCHEMA, settings, in_channels, out_channels)
    return Resolved(notes=_widths("cab", in_channels, values, settings), settings=values)


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    values = merge_same_channels("hab", SCHEMA, settings, in_channels, out_channels)
    if values["shift_size"] >= values["window_size"]:
        raise BlockError(
            f"hab: shift_size={values['shift_size']} does not work: a shift is smaller than the window. "
            f"Values that work: 0 to {values['window_size'] - 1}."
        )
    return Resolved(notes=_widths("hab", in_channels, values, settings), settings=values)


def overlap(window_size: int, ratio: float) -> int:
    """How many pixels larger than the query window the key window is."""
    return int(window_size * ratio)


def _resolve_ocab(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    values = merge_same_channels("ocab", OCAB_SCHEMA, settings, in_channels, out_channels)
    notes: tuple[str, ...] = ()
    w, ratio = values["window_size"], values["overlap_ratio"]
    more = overlap(w, ratio)
    if more % 2:
        # A quarter of a pixel above the even number, so that no rounding falls below it.
        near = [round((even + 0.25) / w, 4) for even in (more - 1, more + 1)]
        reason = f"key windows would be {more} pixels larger, which two equal borders cannot hold"
        if "overlap_ratio" in settings:
            raise BlockError(
                f"ocab: overlap_ratio={ratio:g} does not work at window_size={w}: {reason}. "
                f"Values that work: {near[0]:g}, {near[1]:g}."
            )
        values["overlap_ratio"] = near[0]
        notes = (f"ocab: overlap_ratio is {near[0]:g} instead of the default {ratio:g}: {reason}.",)
    return Resolved(notes=notes + _widths("ocab", in_channels, values, settings), settings=values)


def _of_cab(c: int, pixels: int, values: Mapping[str, Any]) -> BlockCost:
    """Cost of the channel attention block."""
    m, s = c // values["compress_ratio"], c // values["squeeze_factor"]
    return BlockCost(params=18 * c * m + m + 2 * c * s + s + 2 * c, macs=pixels * 18 * c * m + 2 * c * s)


def _of_attention(c: int, height: int, width: int, values: Mapping[str, Any], side: int) -> BlockCost:
    """Cost of window attention to keys in ``side`` x ``side`` pixels, with norms and MLP."""
    n, w, t = height * width, values["window_size"], int(c * values["mlp_ratio"])
    padded = -(-height // w) * -(-width // w) * w * w
    rest = padded * 2 * side * side * c + n * 2 * c * t
    return BlockCost(
        params=(w + side - 1) ** 2 * values["num_heads"] + 4 * c * c + 9 * c + 2 * c * t + t,
        macs=padded * 4 * c * c + rest,
        executed=None if padded == n else n * 4 * c * c + rest,
    )


def _cost_cab(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve_cab(in_channels, out_channels, settings).settings
    return _of_cab(in_channels, height * width, values)


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    attention = _of_attention(in_channels, height, width, values, values["window_size"])
    cab = _of_cab(in_channels, height * width, values)
    return BlockCost(
        params=attention.params + cab.params,
        macs=attention.macs + cab.macs,
        executed=None if attention.executed is None else attention.executed + cab.macs,
    )


def _cost_ocab(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve_ocab(in_channels, out_channels, settings).settings
    w = values["window_size"]
    return _of_attention(in_channels, height, width, values, w + overlap(w, values["overlap_ratio"]))


_PAPER = "Activating More Pixels in Image Super-Resolution Transformer, arXiv 2205.04437"
_SOURCE = "https://github.com/XPixelGroup/HAT"

INFO = BlockInfo(
    name="hab",
    title="HAB (HAT)",
    kind="attention",
    factory="surgeon.blocks.hat:HAB",
    summary="Window attention and channel attention side by side, then an MLP: the block of HAT.",
    paper=_PAPER,
    year=2022,
    source=_SOURCE,
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="num_heads divides C, shift_size < window_size, compress_ratio and squeeze_factor at most C",
    formula=(
        r"x' &= x + W_o\, \mathrm{softmax}\!\left(\frac{q^\top k}{\sqrt{d}} + B + M\right) v + \alpha\, "
        r"\mathrm{CAB}(n), \qquad n = \mathrm{LN}(x),\; [q; k; v] = W n",
        r"y &= x' + W_2\, \mathrm{GELU}(W_1\, \mathrm{LN}(x')) \qquad \text{per head and window of } w \times w",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("hat", "hattention", "hat_attention", "hybrid_attention_block"),
    differences="Followed is HAB of XPixelGroup/HAT@1638a9a (hat/archs/hat_arch.py), on maps instead of tokens. The "
    "HAttention or HAT that circulates in YOLO articles is the whole super-resolution network with "
    "upsampler set to the empty text: its forward then returns its input, and 4.9 million parameters get "
    "no gradient. Plant this block instead. The official block asks for maps that are multiples of the "
    "window, shrinks the window without a word where the training size is not larger, and crashes below "
    "30 channels. Here any size runs: norms, channel attention and MLP see the map as it is, the "
    "attention alone fills it up with zeros below and to the right, and such keys are masked with -100 as "
    "the official code masks other regions. There is no default for the heads; 6 is what its models have.",
    examples=(
        {"window_size": 4, "shift_size": 2, "num_heads": 4, "squeeze_factor": 4, "conv_scale": 0.5},
        {"window_size": 8, "shift_size": 3, "mlp_ratio": 1.5, "compress_ratio": 2},
    ),
)

OCAB = BlockInfo(
    name="ocab",
    title="OCAB (HAT)",
    kind="attention",
    factory="surgeon.blocks.hat:OCAB",
    summary="Window attention whose keys come from larger windows that overlap, then an MLP.",
    paper=_PAPER,
    year=2022,
    source=_SOURCE,
    changes_channels=False,
    defaults={key: setting.default for key, setting in OCAB_SCHEMA.items()},
    options={key: setting.help for key, setting in OCAB_SCHEMA.items()},
    constraints="num_heads divides C, int(window_size * overlap_ratio) is even",
    formula=(
        r"x' &= x + W_o\, \mathrm{softmax}\!\left(\frac{q^\top k}{\sqrt{d}} + B\right) v, \qquad [q; k; v] = W\, "
        r"\mathrm{LN}(x)",
        r"y &= x' + W_2\, \mathrm{GELU}(W_1\, \mathrm{LN}(x')) \qquad q \text{ of } w \times w \text{ windows, } k, v "
        r"\text{ of the larger ones around them}",
    ),
    resolve=_resolve_ocab,
    cost=_cost_ocab,
    aliases=("overlapping_cross_attention_block", "overlapping_cross_attention"),
    differences="Followed is OCAB of XPixelGroup/HAT@1638a9a (hat/archs/hat_arch.py), on maps instead of tokens. With "
    "the window of 7 that its network has as default it cannot run, since the border of 3 has no half; 16 "
    "is what its released models have. Keys beyond the border are zeros and not masked, as there, and its "
    "index of the position table, which runs below zero and wraps round, is kept. The official block asks "
    "for maps that are multiples of the window; here the attention fills other maps up with zeros below "
    "and to the right, and such keys are masked with -100.",
    examples=({"window_size": 4, "num_heads": 2}, {"window_size": 6, "overlap_ratio": 0.7, "mlp_ratio": 1.5}),
)

CAB = BlockInfo(
    name="cab",
    title="CAB (HAT)",
    kind="attention",
    factory="surgeon.blocks.cab:CAB",
    summary="Two 3x3 convolutions through a narrow width, gated by channel: the convolution branch of HAT.",
    paper=_PAPER,
    year=2022,
    source=_SOURCE,
    changes_channels=False,
    defaults={key: setting.default for key, setting in CAB_SCHEMA.items()},
    options={key: setting.help for key, setting in CAB_SCHEMA.items()},
    constraints="compress_ratio and squeeze_factor are at most C",
    formula=(
        r"y &= u \odot \sigma\big(W_2\, \mathrm{ReLU}(W_1\, \mathrm{mean}_{H,W}(u))\big), \qquad u = K'_{3 \times "
        r"3}\, \mathrm{GELU}(K_{3 \times 3}\, x)",
    ),
    resolve=_resolve_cab,
    cost=_cost_cab,
    aliases=("channel_attention_block",),
    differences="Followed is CAB of XPixelGroup/HAT@1638a9a (hat/archs/hat_arch.py). It has no residual, and below 30 "
    "channels its default squeeze leaves no channel and crashes; here the default is adapted.",
    examples=({"compress_ratio": 4, "squeeze_factor": 4},),
)
