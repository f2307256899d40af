"""SGE: spatial group-wise enhance, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, adapt, choice, divisors, integer, merge_same_channels

SCHEMA = {
    "groups": Setting(default=64, parse=integer(), help="groups of channels with one gate map each; divides C"),
    "variant": Setting(
        default="official",
        parse=choice("official", "paste"),
        help="how the bias starts: official: 1; paste: 0 (articles set groups=8 besides)",
    ),
}


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    values = merge_same_channels("sge", SCHEMA, settings, in_channels, out_channels)
    reason = f"groups must divide the {in_channels} channels"
    notes = adapt("sge", values, "groups", divisors(in_channels), reason, given=settings)
    return Resolved(settings=values, notes=notes)


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    groups = int(_resolve(in_channels, out_channels, settings).settings["groups"])
    return BlockCost(params=2 * groups, macs=0)


INFO = BlockInfo(
    name="sge",
    title="SGE",
    kind="attention",
    factory="surgeon.blocks.sge:SGE",
    summary="In each group of channels, pixels are gated by how well they match the group's mean vector.",
    paper="Spatial Group-wise Enhance: Improving Semantic Feature Learning in Convolutional Networks, arXiv 1905.09646",
    year=2019,
    source="https://github.com/implus/PytorchInsight",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="groups divides C",
    formula=(
        r"t_i &= X_i^\top\, \mathrm{mean}_{H,W}(X) \qquad X \text{ a group of the channels of } x",
        r"Y &= X \odot \sigma\!\left(\gamma\, \frac{t - \mathrm{mean}(t)}{\mathrm{std}(t) + \varepsilon} + "
        r"\beta\right)",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("spatialgroupenhance", "spatial_group_enhance", "spatial_groupwise_enhance", "sge_layer"),
    differences=(
        "Followed is the authors' code (implus/PytorchInsight at 2864528): 64 groups, weight 0 and bias 1 at the "
        "start, so that every gate starts at 0.73. The common paste has 8 groups and both start at 0, a gate of 0.5: "
        "variant=paste with groups=8. In both, a 1x1 map gives NaN (the deviation of one value) and a channels-last "
        "batch of more than one image crashes; here a single pixel counts as its own mean."
    ),
    examples=({"groups": 4}, {"variant": "paste", "groups": 8}),
)
