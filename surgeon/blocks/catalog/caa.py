"""CAA: context anchor attention of PKINet, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, choice, integer, merge_same_channels

SCHEMA = {
    "h_kernel_size": Setting(default=11, parse=integer(odd=True), help="length of the horizontal strip, odd"),
    "v_kernel_size": Setting(default=11, parse=integer(odd=True), help="length of the vertical strip, odd"),
    "variant": Setting(
        default="multiply",
        parse=choice("multiply", "factor", "paste"),
        help="multiply: x times the factor; factor: the factor alone, as the authors' class puts it out; paste: "
        "multiply with torch's BatchNorm eps 1e-5 and momentum 0.1 instead of PKINet's 1e-3 and 0.03",
    ),
}


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    return Resolved(settings=merge_same_channels("caa", SCHEMA, settings, in_channels, out_channels))


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    c = in_channels
    weights = 2 * c * c + c * (values["h_kernel_size"] + values["v_kernel_size"])
    return BlockCost(params=weights + 6 * c, macs=height * width * weights)


INFO = BlockInfo(
    name="caa",
    title="CAA",
    kind="attention",
    factory="surgeon.blocks.caa:CAA",
    summary="The input times a factor from 7x7 averages and two long depthwise strips.",
    paper="Poly Kernel Inception Network for Remote Sensing Detection, arXiv 2403.06258",
    year=2024,
    source="https://github.com/PKINet/PKINet",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="any width; odd kernels",
    formula=(
        r"f_i(t) &= \mathrm{SiLU}(\mathrm{BN}(W_i t))",
        r"y &= x \odot \sigma\big(f_2(D_{11 \times 1}\, D_{1 \times 11}\, f_1(\mathrm{pool}^{\mathrm{mean}}_{7 \times "
        r"7}(x)))\big)",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("context_anchor_attention",),
    differences="Followed is PKINet's pkinet.py (commit 709f68a). Its class returns the factor only, between 0 and 1, "
    "and PKINet's block multiplies by it: planted alone the class would replace the features by their gate. The "
    "default, variant=multiply, therefore puts out x times the factor; variant=factor is the bare class. The common "
    "paste multiplies too, but with BatchNorm's eps 1e-5 and momentum 0.1 (variant=paste): its outputs "
    "differ for the same weights.",
    examples=({"variant": "factor", "h_kernel_size": 7, "v_kernel_size": 9}, {"variant": "paste"}),
)
