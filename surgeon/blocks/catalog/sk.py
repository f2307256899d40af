"""SK: selective kernel convolution, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, choice, fit, flag, integer, integers, merge_same_channels, optional

KERNELS = {"timm": (3, 5), "paste": (1, 3, 5, 7)}

SCHEMA = {
    "variant": Setting(
        default="timm",
        parse=choice("timm", "paste"),
        help="timm: each path convolves its share of the channels, large kernels as dilated 3x3; paste: each path "
        "convolves all channels with its full kernel, with biases",
    ),
    "kernels": Setting(
        default=None,
        parse=optional(integers(odd=True)),
        help="odd kernel of each path; null takes [3, 5] (timm) or [1, 3, 5, 7] (paste)",
    ),
    "reduction": Setting(default=16, parse=integer(), help="the attention's hidden width is C / reduction"),
    "minimum": Setting(
        default=None,
        parse=optional(integer()),
        help="least hidden width (the L of the paste, 32 there); for timm its multiple too (8)",
    ),
    "split_input": Setting(
        default=True,
        parse=flag,
        help="true: each of timm's paths reads its share of the channels, which they must divide; false: all of them",
    ),
}


def hidden_width(channels: int, values: Mapping[str, Any]) -> int:
    """Hidden width of the attention."""
    reduction, minimum = int(values["reduction"]), int(values["minimum"])
    if values["variant"] == "paste":
        return max(minimum, channels // reduction)
    wanted = channels * (1 / reduction)
    width = max(minimum, int(wanted + minimum / 2) // minimum * minimum)
    return width + minimum if width < 0.9 * wanted else width


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    values = merge_same_channels("sk", SCHEMA, settings, in_channels, out_channels)
    notes: list[str | None] = []
    if values["kernels"] is None:
        values["kernels"] = KERNELS[values["variant"]]
    if values["minimum"] is None:
        values["minimum"] = 8 if values["variant"] == "timm" else 32
    paths = len(values["kernels"])
    explicit = bool(settings.get("split_input", False))
    if values["variant"] == "paste":
        fit("sk", "split_input", explicit, [False], "only timm's paths share the channels", explicit=True)
        values["split_input"] = False
    elif values["split_input"] and in_channels % paths:
        reason = f"{paths} paths do not divide the {in_channels} channels"
        values["split_input"], note = fit("sk", "split_input", True, [False], reason, explicit=explicit)
        notes.append(note)
    return Resolved(settings=values, notes=tuple(filter(None, notes)))


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    c, hidden, kernels = in_channels, hidden_width(in_channels, values), values["kernels"]
    paths, paste = len(kernels), values["variant"] == "paste"
    share = c // paths if values["split_input"] else c
    areas = [k * k if paste else min(k, 3) ** 2 for k in kernels]
    weights, attention = sum(areas) * share * c, (1 + paths) * c * hidden
    others = hidden + 2 * paths * c if paste else 2 * hidden
    return BlockCost(params=weights + attention + others + 2 * paths * c, macs=height * width * weights + attention)


INFO = BlockInfo(
    name="sk",
    title="SK",
    kind="attention",
    factory="surgeon.blocks.sk:SK",
    summary="Convolutions with several kernel sizes, mixed channel by channel by a softmax over the sizes.",
    paper="Selective Kernel Networks, arXiv 1903.06586",
    year=2019,
    source="https://github.com/huggingface/pytorch-image-models",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="any width; with split_input the number of kernels divides C",
    formula=(
        r"[x_1; x_2] &= x, \qquad u_1 = \mathrm{ReLU}(\mathrm{BN}(K_{3 \times 3}\, x_1)), \qquad u_2 = "
        r"\mathrm{ReLU}(\mathrm{BN}(K^{(2)}_{3 \times 3}\, x_2))",
        r"[a_1; a_2] &= \mathrm{softmax}_2\big(W_2\, \mathrm{ReLU}(\mathrm{BN}(W_1\, \mathrm{mean}_{H,W}(u_1 + "
        r"u_2)))\big)",
        r"y &= a_1 \odot u_1 + a_2 \odot u_2",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("sknet", "skattention", "sk_attention", "selective_kernel", "selectivekernel"),
    differences="The authors published Caffe code. Followed is timm 1.0.31's SelectiveKernel with its defaults: two "
    "paths, a 3x3 and a 3x3 with dilation 2, each on half of the channels; the hidden width is C / 16 rounded to 8s. "
    "The paste (variant=paste, its L is minimum here) runs four dense convolutions, 1x1 to 7x7 with biases, on all "
    "channels, about 84·C² MACs a pixel, nine times as many, and has no BatchNorm between the attention's layers. "
    "timm's cannot train on one image, since that BatchNorm sees a single value; here its running statistics serve.",
    examples=({"variant": "paste", "minimum": 8}, {"split_input": False, "kernels": [1, 3, 7], "reduction": 2}),
    zero_gradients=tuple(f"convs.{index}.conv.bias" for index in range(4)),
)
