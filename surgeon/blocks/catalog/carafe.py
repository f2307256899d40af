"""CARAFE: content-aware up-sampling, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.blocks.catalog.settings import Setting, choice, divisors, fit, integer, merge_same_channels

SCHEMA = {
    "scale": Setting(default=2, parse=integer(), help="integer up-sampling factor"),
    "up_kernel": Setting(default=5, parse=integer(odd=True), help="size of the predicted kernels, odd"),
    "up_group": Setting(default=1, parse=integer(), help="groups of channels with kernels of their own; divides C"),
    "encoder_kernel": Setting(default=3, parse=integer(odd=True), help="kernel size of the content encoder, odd"),
    "encoder_dilation": Setting(default=1, parse=integer(), help="dilation of the content encoder"),
    "compressed_channels": Setting(default=64, parse=integer(), help="width between the two convolutions"),
    "variant": Setting(
        default="mmcv",
        parse=choice("mmcv", "paste"),
        help="mmcv: two biased convolutions, by the authors; paste: BatchNorm behind both, SiLU behind the first",
    ),
}


def _resolve(in_channels: int, out_channels: int, settings: Mapping[str, Any]) -> Resolved:
    values = merge_same_channels("carafe", SCHEMA, settings, in_channels, out_channels)
    paste = values["variant"] == "paste"
    allowed = [1] if paste else divisors(in_channels)
    reason = "the pasted form has one group" if paste else f"groups must divide the {in_channels} channels"
    fit("carafe", "up_group", values["up_group"], allowed, reason, explicit=True)
    return Resolved(settings=values)


def _cost(in_channels: int, out_channels: int, height: int, width: int, settings: Mapping[str, Any]) -> BlockCost:
    values = _resolve(in_channels, out_channels, settings).settings
    n, m = height * width, values["compressed_channels"]
    pixels = values["up_kernel"] ** 2 * values["scale"] ** 2
    kernels = pixels * values["up_group"]
    weights = in_channels * m + m * kernels * values["encoder_kernel"] ** 2
    others = 2 * (m + kernels) if values["variant"] == "paste" else m + kernels
    return BlockCost(
        params=weights + others, macs=n * weights, elementwise_macs={"reassembly": n * pixels * in_channels}
    )


INFO = BlockInfo(
    name="carafe",
    title="CARAFE",
    kind="upsampling",
    factory="surgeon.blocks.carafe:CARAFE",
    summary="Up-sampling in which each output pixel is a weighted window, its weights predicted from the input.",
    paper="CARAFE: Content-Aware ReAssembly of FEatures, arXiv 1905.02188",
    year=2019,
    source="https://github.com/open-mmlab/mmcv",
    changes_channels=False,
    defaults={key: setting.default for key, setting in SCHEMA.items()},
    options={key: setting.help for key, setting in SCHEMA.items()},
    constraints="up_kernel and encoder_kernel are odd; up_group divides C",
    formula=(
        r"m &= \mathrm{softmax}_{k^2}\big(\mathrm{shuffle}_s(K_{3 \times 3}\, W x)\big) \in \mathbb{R}^{k^2 \times sH "
        r"\times sW}, \qquad k = 5,\; s = 2",
        r"y_{c,Y,X} &= \sum_{i,j=-2}^{2} m_{(i,j),Y,X}\; x_{c,\, \lfloor Y/s \rfloor + i,\, \lfloor X/s \rfloor + j}",
    ),
    resolve=_resolve,
    cost=_cost,
    aliases=("carafe_pack", "content_aware_reassembly"),
    differences=(
        "Followed is the authors' CARAFEPack in mmcv (commit a8073c7; their myownskyW7/CARAFE at aae8999 is the same), "
        "which runs on CUDA alone; this one runs anywhere, and the operator meets the output that mmcv recorded of its "
        "kernel. Windows that reach beyond the map lose those taps and are not renormalised, so the border darkens (at "
        "the start a corner keeps 0.36 of a constant input). The common paste (variant=paste) puts BatchNorm behind "
        "both convolutions and SiLU behind the first, has one group and unfolds the up-sampled map, which is the same "
        "operator for scale**2 times the memory; weights of the two forms are not interchangeable. MACs count the "
        "convolutions; the reassembly is listed apart, as no matrix product shows it."
    ),
    examples=(
        {"up_kernel": 3, "up_group": 2, "scale": 3, "encoder_dilation": 2, "compressed_channels": 6},
        {"variant": "paste", "compressed_channels": 12},
    ),
)
