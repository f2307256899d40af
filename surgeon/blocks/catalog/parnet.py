"""ParNet's block, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, choice, fit, flag, merge_same_channels, one_of

SCHEMA = {
    "variant": Setting(
        default="official",
        parse=choice("official", "paste"),
        help="official: the skip path is normalised, convolutions have no bias; paste: the bare input, with biases",
    ),
    "kernel_size": Setting(
        default=3, parse=one_of((1, 3)), help="3, or 1 to leave the 3x3 branch out (official alone)"
    ),
    "se_block": Setting(default=True, parse=flag, help="gate of the skip path: true or false (official alone)"),
    "activation": Setting(default="silu", parse=choice("silu", "relu", "none"), help="silu, relu or none"),
}


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    values = merge_same_channels("parnet", SCHEMA, settings, in_channels, out_channels)
    if values["variant"] == "paste":
        reason = "the class in circulation has it built in"
        fit("parnet", "kernel_size", values["kernel_size"], [3], reason, explicit=True)
        fit("parnet", "se_block", values["se_block"], [True], reason, explicit=True)
    return Resolved(settings=values)


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    c = in_channels
    dense = 9 if values["kernel_size"] == 3 else 0
    weights, gate = (1 + dense) * c * c, c * c if values["se_block"] else 0
    norms = 2 * c * (1 + bool(dense) + (values["variant"] == "official"))
    biases = 3 * c if values["variant"] == "paste" else 0
    return BlockCost(params=weights + gate + norms + biases, macs=height * width * weights + gate)


INFO = BlockInfo(
    name="parnet",
    title="ParNet",
    kind="attention",
    factory="surgeon.blocks.parnet:ParNet",
    summary="A 3x3 and a 1x1 convolution and the gated input, added and activated.",
    paper="Non-deep Networks, arXiv 2110.07641",
    year=2021,
    source="https://github.com/imankgoyal/NonDeepNetworks",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="any width",
    formula=(
        r"y &= \mathrm{SiLU}\big(\mathrm{BN}(W x) + \mathrm{BN}(K_{3 \times 3}\, x) + \hat x \odot \sigma(W_g\, "
        r"\mathrm{mean}_{H,W}(\hat x))\big), \qquad \hat x = \mathrm{BN}(x)",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("parnet_attention", "parnetattention", "skip_squeeze_excitation"),
    differences="Followed is the authors' RepVGGBlock (commit 777b286) at stride 1 and equal widths, with the gate and "
    "the SiLU that ParNet uses. In it the skip path is a BatchNorm of the input times a gate of that same map, and the "
    "convolutions have no biases. The class in circulation, ParNetAttention (variant=paste), gates the bare input and "
    "has biases, of which those before a BatchNorm learn nothing.",
    examples=({"variant": "paste"}, {"kernel_size": 1, "se_block": False, "activation": "relu"}),
    zero_gradients=("conv1x1.bias", "conv3x3.bias"),
)
