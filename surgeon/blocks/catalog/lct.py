"""LCT: linear context transform, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, adapt, divisors, integer, merge_same_channels, number

SCHEMA = {
    "groups": Setting(
        default=64, parse=integer(), help="groups in which the means are normalised; divides C, best below C"
    ),
    "eps": Setting(default=1e-5, parse=number(0), help="added to the variance"),
}


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    values = merge_same_channels("lct", SCHEMA, settings, in_channels, out_channels)
    explicit = "groups" in settings
    # A mean that is alone in its group is normalised to 0: a default must not end there.
    allowed = [value for value in divisors(in_channels) if explicit or value < in_channels or in_channels == 1]
    reason = f"groups must divide the {in_channels} channels" + ("" if explicit else ", with at least two in each")
    notes = adapt("lct", values, "groups", allowed, reason, given=settings)
    return Resolved(settings=values, notes=notes)


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    _resolve(in_channels, out_channels, settings)
    return BlockCost(params=2 * in_channels, macs=0)


INFO = BlockInfo(
    name="lct",
    title="LCT",
    kind="attention",
    factory="surgeon.blocks.lct:LCT",
    summary="The channels' means, normalised within groups, give one gate a channel through a scale and a shift each.",
    paper="Linear Context Transform Block, arXiv 1909.03834",
    year=2019,
    source="https://github.com/changzy00/pytorch-attention",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="groups divides C",
    formula=(
        r"\hat z &= \frac{z - \mathrm{mean}_{\text{group}}(z)}{\sqrt{\mathrm{var}_{\text{group}}(z) + \varepsilon}}, "
        r"\qquad z = \mathrm{mean}_{H,W}(x)",
        r"y &= x \odot \sigma(w \odot \hat z + b)",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("lct_block", "linear_context_transform", "lctattention"),
    differences=(
        "No code of the authors was found; followed is a third party's (changzy00/pytorch-attention at 8ce59da, "
        "attention_mechanisms/lct.py), whose groups have no default: 64 here, adapted to the width. As many groups as "
        "channels are accepted when asked for, but each mean is then alone in its group and normalised to 0, and the "
        "gates no longer depend on the map."
    ),
    examples=({"groups": 4, "eps": 1e-3},),
)
