"""GE: gather-excite, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, flag, integer, merge_same_channels, number, optional, rounded
from surgeon.errors import BlockError


def _even(value: Any) -> int:
    """Accept 0, or an even number of pixels."""
    wanted = "0 (the whole map) or an even integer"
    try:
        extent: int = integer(0)(value)
    except ValueError:
        raise ValueError(wanted) from None
    if extent % 2:
        raise ValueError(wanted)
    return extent


SCHEMA = {
    "extent": Setting(
        default=0, parse=_even, help="pixels a side that share one gate; 0: the whole map; otherwise an even integer"
    ),
    "extra_params": Setting(
        default=False,
        parse=flag,
        help="true: gather by depthwise convolutions of stride 2 instead of averages; needs an extent",
    ),
    "use_mlp": Setting(default=True, parse=flag, help="false: the gathered values gate as they are"),
    "add_maxpool": Setting(default=False, parse=flag, help="true: gather half the average and half the maximum"),
    "rd_ratio": Setting(default=0.0625, parse=number(0), help="hidden width over C, rounded, at least 1"),
    "rd_channels": Setting(default=None, parse=optional(integer()), help="hidden width; null takes rd_ratio * C"),
    "rd_divisor": Setting(default=1, parse=integer(), help="rd_ratio * C is rounded to a multiple of it"),
}


def hidden_width(channels: int, values: Mapping[str, Any]) -> int:
    """Width between the two layers."""
    return int(values["rd_channels"] or rounded(channels * values["rd_ratio"], values["rd_divisor"]))


def steps(values: Mapping[str, Any]) -> int:
    """Convolutions of stride 2 that gather: the extent's binary logarithm, rounded down."""
    return int(values["extent"]).bit_length() - 1 if values["extra_params"] else 0


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    values = merge_same_channels("ge", SCHEMA, settings, in_channels, out_channels)
    if values["extra_params"] and not values["extent"]:
        raise BlockError(
            "ge: extra_params=True with extent=0 would need a kernel as large as the map, so that one map size alone "
            "would run; give an extent: 2, 4, 8, 16."
        )
    if values["extra_params"] and values["add_maxpool"]:
        raise BlockError("ge: add_maxpool has no effect with extra_params=True; leave one of them out.")
    return Resolved(settings=values)


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    c, r = in_channels, hidden_width(in_channels, values)
    params, macs, extent = 0, 0, int(values["extent"])
    for _ in range(steps(values)):
        height, width = (height - 1) // 2 + 1, (width - 1) // 2 + 1
        params += 11 * c
        macs += 9 * c * height * width
    if not extent:
        height = width = 1
    elif not values["extra_params"]:
        height, width = (height - 1) // extent + 1, (width - 1) // extent + 1
    if values["use_mlp"]:
        params += 2 * c * r + r + c
        macs += 2 * c * r * height * width
    return BlockCost(params=params, macs=macs)


INFO = BlockInfo(
    name="ge",
    title="GE",
    kind="attention",
    factory="surgeon.blocks.ge:GatherExcite",
    summary="Gathers the map, or each part of it, and gates its channels by a two-layer network of what it gathered.",
    paper="Gather-Excite: Exploiting Feature Context in Convolutional Neural Networks, arXiv 1810.12348",
    year=2018,
    source="https://github.com/huggingface/pytorch-image-models",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="extent 0 or even; extra_params needs an extent",
    formula=(
        r"y &= x \odot \sigma\big(W_2\, \mathrm{ReLU}(W_1\, \mathrm{mean}_{H,W}(x))\big) \qquad \text{(extent 0: the "
        r"whole map)}",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("gatherexcite", "gather_excite", "genet", "geblock"),
    differences=(
        "Followed is timm's layers/gather_excite.py; the authors' own code is Caffe and partial. timm 1.0.31 cannot "
        "build it at all (a misspelt argument), so the recordings come from the older copy that the pastes hold too "
        "(z1069614715/objectdetection_script), which is otherwise the same. The default, the whole map and two "
        "layers, is SE with biases. Its form with a kernel as large as the map is left out, because it runs at one "
        "map size alone."
    ),
    examples=(
        {"extent": 2, "rd_ratio": 0.5, "add_maxpool": True},
        {"extent": 2, "extra_params": True, "rd_ratio": 0.25},
        {"use_mlp": False},
    ),
)
