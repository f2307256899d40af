"""SimSPPF and SimCSPSPPF: YOLOv6's pyramid poolings, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, choice, integer, merge, number, positive_channels
from surgeon.errors import BlockError

SCHEMA = {
    "kernel_size": Setting(default=5, parse=integer(odd=True), help="size of the pooling window, odd"),
    "activation": Setting(
        default="relu", parse=choice("relu", "silu"), help="relu: as the authors have it; silu: as SPPF and some pastes"
    ),
}

CSP_SCHEMA = {
    "kernel_size": SCHEMA["kernel_size"],
    "expansion": Setting(default=0.5, parse=number(above=0), help="hidden width over output width, rounded down"),
    "activation": SCHEMA["activation"],
}


def hidden_width(out_channels: int, expansion: float) -> int:
    """Channels of SimCSPSPPF's inner convolutions."""
    return int(out_channels * expansion)


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    positive_channels("simsppf", in_channels, out_channels)
    return Resolved(settings=merge("simsppf", SCHEMA, settings))


def _resolve_csp(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    positive_channels("simcspsppf", in_channels, out_channels)
    values = merge("simcspsppf", CSP_SCHEMA, settings)
    if hidden_width(out_channels, values["expansion"]) >= 1:
        return Resolved(settings=values)
    if "expansion" in settings:
        raise BlockError(
            f"simcspsppf: expansion={values['expansion']} leaves no hidden channel at {out_channels} output channels. "
            f"Values that work: 1/{out_channels} and more."
        )
    values["expansion"] = 1.0
    note = "simcspsppf: expansion is 1.0 instead of the default 0.5: one output channel leaves no half."
    return Resolved(settings=values, notes=(note,))


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    _resolve(in_channels, out_channels, settings)
    c = max(1, in_channels // 2)
    weights = in_channels * c + 4 * c * out_channels
    return BlockCost(params=weights + 2 * c + 2 * out_channels, macs=height * width * weights)


def _cost_csp(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    c = hidden_width(out_channels, _resolve_csp(in_channels, out_channels, settings).settings["expansion"])
    weights = 2 * in_channels * c + 23 * c * c + 2 * c * out_channels
    return BlockCost(params=weights + 12 * c + 2 * out_channels, macs=height * width * weights)


INFO = BlockInfo(
    name="simsppf",
    title="SimSPPF",
    kind="pooling",
    factory="surgeon.blocks.simsppf:SimSPPF",
    summary="Three chained max poolings between two 1x1 convolutions, with ReLU where SPPF has SiLU.",
    paper="YOLOv6: A Single-Stage Object Detection Framework for Industrial Applications, arXiv 2209.02976",
    year=2022,
    source="https://github.com/meituan/YOLOv6",
    changes_channels=True,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="kernel_size is odd",
    formula=(
        r"f_i(t) &= \mathrm{ReLU}(\mathrm{BN}(W_i t)), \qquad u_0 = f_1(x), \qquad u_{i+1} = "
        r"\mathrm{pool}^{\mathrm{max}}_{5 \times 5}(u_i)",
        r"y &= f_2([u_0; u_1; u_2; u_3])",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("sim_sppf", "simplified_sppf"),
    differences=(
        "Followed is the authors' code (meituan/YOLOv6 e86a483). Pastes and older YOLOv6 call the layer SimConv "
        "and compute the same; some pastes use SiLU, which is SPPF itself (activation=silu). The sole difference to "
        "SPPF is the activation, so that a replaced SPPF keeps every weight, though they were trained for SiLU. An "
        "even window, which changes the map's size in the published code, is refused."
    ),
    examples=({"activation": "silu", "kernel_size": 3},),
)

CSP = BlockInfo(
    name="simcspsppf",
    title="SimCSPSPPF",
    kind="pooling",
    factory="surgeon.blocks.simsppf:SimCSPSPPF",
    summary="SimSPPF's pooling in a cross-stage-partial frame of seven convolutions.",
    paper="YOLOv6 v3.0: A Full-Scale Reloading, arXiv 2301.05586",
    year=2023,
    source="https://github.com/meituan/YOLOv6",
    changes_channels=True,
    defaults={key: setting.default for key, setting in CSP_SCHEMA.items()},
    options={key: setting.help for key, setting in CSP_SCHEMA.items()},
    constraints="kernel_size is odd; expansion leaves at least one hidden channel",
    formula=(
        r"u_0 &= f_4(f_3(f_1(x))), \qquad u_{i+1} = \mathrm{pool}^{\mathrm{max}}_{5 \times 5}(u_i)",
        r"y &= f_7\big([f_2(x); f_6(f_5([u_0; u_1; u_2; u_3]))]\big)",
        r"f_i(t) &= \mathrm{ReLU}(\mathrm{BN}(K_i t)), \qquad K_3, K_6 \text{ of } 3 \times 3, \text{ the others of } "
        r"1 \times 1",
    ),
    resolve=_resolve_csp,
    cost=_cost_csp,
    aliases=("sim_csp_sppf",),
    differences=(
        "Followed is the authors' code (meituan/YOLOv6, commit e86a483), where one ReLU object serves all seven "
        "convolutions; pastes name the layers cv1.conv instead of cspsppf.cv1.block.conv and compute the same. "
        "activation=silu gives the CSPSPPF of the same file. An even window, which changes the map's size in the "
        "published code, is refused."
    ),
    examples=({"activation": "silu", "kernel_size": 3, "expansion": 0.75},),
)
