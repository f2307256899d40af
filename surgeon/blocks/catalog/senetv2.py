"""SENetV2's aggregated dense layer, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, adapt, choice, divisors, integer, merge_same_channels

BRANCHES = 4  # dense layers side by side, a constant in both codes

SCHEMA = {
    "reduction": Setting(
        default=32, parse=integer(), help="each of the four hidden layers has C / reduction units, rounded down"
    ),
    "variant": Setting(
        default="keras",
        parse=choice("keras", "sae"),
        help="keras: the author's code, with biases, out = x + x * gate; sae: the common paste, without both",
    ),
}


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    values = merge_same_channels("senetv2", SCHEMA, settings, in_channels, out_channels)
    if values["variant"] == "sae":
        allowed, reason = divisors(in_channels), f"reduction must divide the {in_channels} channels"
    else:
        allowed = list(range(1, in_channels + 1))
        reason = f"the hidden width {in_channels} / reduction must keep at least one unit"
    notes = adapt("senetv2", values, "reduction", allowed, reason, given=settings)
    return Resolved(settings=values, notes=notes)


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    hidden = BRANCHES * (in_channels // int(values["reduction"]))
    weights = 2 * in_channels * hidden
    return BlockCost(params=weights + (hidden + in_channels if values["variant"] == "keras" else 0), macs=weights)


INFO = BlockInfo(
    name="senetv2",
    title="SENetV2",
    kind="attention",
    factory="surgeon.blocks.senetv2:SENetV2",
    summary="Squeeze-and-excitation with four hidden layers side by side.",
    paper="SENetV2: Aggregated dense layer for channelwise and global representations, arXiv 2311.10807",
    year=2023,
    source="https://github.com/mahendran-narayanan/SENetV2-Aggregated-dense-layer-for-channelwise-and-global-representations",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="reduction at most C; sae: reduction divides C",
    formula=(
        r"s &= \sigma\big(W\, [\mathrm{ReLU}(W_1 z); \dots; \mathrm{ReLU}(W_4 z)]\big), \qquad z = "
        r"\mathrm{mean}_{H,W}(x)",
        r"y &= x + x \odot s",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("saelayer", "selayerv2", "sae", "se_v2", "sev2"),
    differences=(
        "Followed is the author's Keras code (mahendran-narayanan at e4d57c5): biases, and the gated map is added to "
        "the map, so that the gain lies between 1 and 2. The common paste SaELayer (github-eliviate/SENetV2_torch_tf "
        "at 3a07eb3; SELayerV2 in YOLO, reduction 16) has no biases, multiplies only, and wants a divisor of the "
        "width: variant=sae. The four layers are stored as one, which computes the same."
    ),
    examples=({"reduction": 4}, {"variant": "sae", "reduction": 4}),
)
