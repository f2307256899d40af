"""LSKA: large separable kernel attention, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, choice, merge_same_channels, one_of

#: k_size -> (first strip length, dilated strip length, dilation), the sizes that the authors define.
KERNELS = {7: (3, 3, 2), 11: (3, 5, 2), 23: (5, 7, 3), 35: (5, 11, 3), 41: (5, 13, 3), 53: (5, 17, 3)}

SCHEMA = {
    "k_size": Setting(default=7, parse=one_of(KERNELS), help="kernel size: 7, 11, 23, 35, 41 or 53"),
    "variant": Setting(
        default="bare",
        parse=choice("bare", "attention"),
        help="bare: the kernel alone, as pasted into YOLO; attention: VAN's block around it with a residual",
    ),
}


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    return Resolved(settings=merge_same_channels("lska", SCHEMA, settings, in_channels, out_channels))


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    c, n = in_channels, height * width
    k0, k1, _ = KERNELS[values["k_size"]]
    dense = 3 if values["variant"] == "attention" else 1
    weights = dense * c * c + c * 2 * (k0 + k1)
    return BlockCost(params=weights + c * (dense + 4), macs=n * weights)


INFO = BlockInfo(
    name="lska",
    title="LSKA",
    kind="attention",
    factory="surgeon.blocks.lska:LSKA",
    summary="Large-kernel attention from four one-dimensional depthwise convolutions and a 1x1 convolution.",
    paper="Large Separable Kernel Attention: Rethinking the Large Kernel Attention Design in CNN, arXiv 2309.01439",
    year=2023,
    source="https://github.com/StevenLauHKHK/Large-Separable-Kernel-Attention",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="k_size is one of 7, 11, 23, 35, 41, 53",
    formula=(
        r"y &= x \odot W\, D^{(2)}_{3 \times 1}\, D^{(2)}_{1 \times 3}\, D_{3 \times 1}\, D_{1 \times 3}\, x \qquad "
        r"\text{(k\_size 7)}",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("large_separable_kernel_attention",),
    differences=(
        "Followed is the authors' code. The kernel alone (variant=bare) is what is pasted into YOLO; "
        "variant=attention is VAN's block around it, with two projections, GELU and a residual. Theirs accepts any "
        "k_size and fails in its forward pass at one that it does not list; here that is refused at once. No "
        "activation bounds the factor, so that the output of the bare kernel grows with the square of the input."
    ),
    examples=({"k_size": 53}, {"variant": "attention", "k_size": 11}),
)
