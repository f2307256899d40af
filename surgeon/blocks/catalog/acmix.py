"""ACmix: self-attention and convolution from shared projections, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, adapt, divisors, integer, merge, positive_channels

SCHEMA = {
    "kernel_att": Setting(default=7, parse=integer(odd=True), help="side of the attention neighbourhood, odd"),
    "head": Setting(default=4, parse=integer(), help="attention heads; divides the output channels"),
    "kernel_conv": Setting(default=3, parse=integer(odd=True), help="kernel of the convolution path, odd"),
    "stride": Setting(default=1, parse=integer(), help="stride of the output"),
    "dilation": Setting(default=1, parse=integer(), help="step between the neighbours that are attended"),
}


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    positive_channels("acmix", in_channels, out_channels)
    values = merge("acmix", SCHEMA, settings)
    reason = f"head must divide the {out_channels} output channels"
    notes = adapt("acmix", values, "head", divisors(out_channels), reason, given=settings)
    return Resolved(settings=values, notes=notes)


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    ci, co, n = in_channels, out_channels, height * width
    head, taps, stride = values["head"], values["kernel_conv"] ** 2, values["stride"]
    d, out = co // head, -(-height // stride) * -(-width // stride)
    params = 3 * (ci * co + co) + 3 * d + 3 * head * taps + co * taps * taps + 2
    macs = n * (3 * ci * co + 2 * d + 3 * taps * co) + out * taps * taps * co
    return BlockCost(
        params=params,
        macs=macs,
        elementwise_macs={"neighbourhood attention": 2 * values["kernel_att"] ** 2 * co * out},
    )


INFO = BlockInfo(
    name="acmix",
    title="ACmix",
    kind="attention",
    factory="surgeon.blocks.acmix:ACmix",
    summary="Local self-attention and a convolution that share their projections, mixed by two learned rates.",
    paper="On the Integration of Self-Attention and Convolution, arXiv 2111.14556",
    year=2021,
    source="https://github.com/LeapLabTHU/ACmix",
    changes_channels=True,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="head divides the output channels; kernel_att and kernel_conv are odd",
    formula=(
        r"q, k, v &= W_1 x,\; W_2 x,\; W_3 x, \qquad e = W_p\, (\text{column}, \text{row})",
        r"a_i &= \sum_{n \in \mathcal{N}_{7 \times 7}(i)} \mathrm{softmax}_n\!\left(\frac{q_i^\top (k_n + e_i - "
        r"e_n)}{\sqrt{d}}\right) v_n \qquad \text{per head}",
        r"c &= K_{3 \times 3}\, F\, [q; k; v]",
        r"y &= \alpha\, a + \beta\, c",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("ac_mix",),
    differences=(
        "Followed is the authors' code (LeapLabTHU/ACmix), which pastes repeat with its limits: it crashes where a "
        "side of the map is below 4, at stride 2 on odd sizes, with a dilation, an even kernel_att or another "
        "kernel_conv than 3, in half and in double precision; its default device is CUDA, and its ONNX export does "
        "not run in ONNX Runtime. Here all of these run; a border that is too short to be reflected is clamped. Kept, "
        "since weights are trained with it: the two branches order their channels differently, by head in the "
        "attention and by channel of a head in the convolution. Counters of matrix products do not see the attention "
        "itself, which is listed apart."
    ),
    examples=({"kernel_att": 5, "head": 2, "dilation": 2},),
    zero_gradients=("conv_p.bias",),
)
