"""How published classes map to ours: constructor arguments to settings, their tensors to our names and shapes.

The mapping of tensors only renames, reshapes and cuts, so it serves state dicts, gradients and buffers alike. To add a
class, add an entry to ``CASES``; the golden tests then run every recorded case of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from surgeon.errors import BlockError

Arguments = Mapping[str, Any]
Tensors = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """How one published class maps to ours.

    Attributes:
        block: The catalog's name.
        channels: Its arguments for the input and output width; one name serves both where it keeps channels.
        names: Its arguments -> our settings, where the value stays.
        settings: Our settings that follow from its arguments and the map size, or are fixed.
        tensors: Its tensors -> ours.
        others: Its further arguments, read by ``settings`` or without effect on the numbers.
    """

    block: str
    channels: tuple[str, ...]
    names: Mapping[str, str]
    settings: Callable[[Arguments, tuple[int, int] | None], dict[str, Any]]
    tensors: Callable[[Tensors, tuple[int, int] | None], dict[str, Tensor]]
    others: tuple[str, ...] = ()


def _nothing(_arguments: Arguments, _size: tuple[int, int] | None) -> dict[str, Any]:
    """No setting follows."""
    return {}


def _fixed(**settings: Any) -> Callable[[Arguments, tuple[int, int] | None], dict[str, Any]]:
    """Settings that the published class has built in."""
    return lambda _arguments, _size: dict(settings)


def _same(tensors: Tensors, _size: tuple[int, int] | None) -> dict[str, Tensor]:
    """Names and shapes agree."""
    return dict(tensors)


# --- MHSA -----------------------------------------------------------------------------------------------------------


def _mhsa_table(arguments: Arguments, _size: tuple[int, int] | None) -> dict[str, Any]:
    """The published class calls the map's height "width"."""
    return {"table": (arguments.get("width", 14), arguments.get("height", 14))}


def _mhsa_optional(arguments: Arguments, size: tuple[int, int] | None) -> dict[str, Any]:
    """The paste has its position tables behind a switch that is off."""
    return {"position": bool(arguments.get("pos_emb", False)), **_mhsa_table(arguments, size)}


# --- GAM ------------------------------------------------------------------------------------------------------------

_GAM_NAMES = {
    "channel_attention.0": "linear1",
    "channel_attention.2": "linear2",
    "spatial_attention.0": "conv1",
    "spatial_attention.1": "norm1",
    "spatial_attention.3": "conv2",
    "spatial_attention.4": "norm2",
}


def _gam_sequential(tensors: Tensors, _size: tuple[int, int] | None) -> dict[str, Tensor]:
    """The pastes number the layers of two Sequentials."""
    renamed = {}
    for name, tensor in tensors.items():
        layer, _, leaf = name.rpartition(".")
        renamed[f"{_GAM_NAMES.get(layer, layer)}.{leaf}"] = tensor
    return renamed


def _gam_groups(arguments: Arguments, _size: tuple[int, int] | None) -> dict[str, Any]:
    """Without ``group`` the paste still shuffles, but convolves densely."""
    return {"variant": "grouped", "groups": arguments.get("rate", 4) if arguments.get("group", True) else 1}


# --- FLA ------------------------------------------------------------------------------------------------------------


def _grid(tokens: int, size: tuple[int, int] | None, stored: tuple[int, int] | None = None) -> tuple[int, int]:
    """Map size of a flattened table: the one it ran at if its rows suffice, else the stored one, else a square."""
    if size is not None and size[0] * size[1] <= tokens:
        return size
    side = math.isqrt(tokens)
    if stored is None and side * side != tokens:
        raise BlockError(f"A position table of {tokens} rows is no square map: say at which size (H, W) it ran.")
    return stored or (side, side)


def _pvt_settings(arguments: Arguments, size: tuple[int, int] | None) -> dict[str, Any]:
    """Positions are those of the reduced map."""
    ratio = arguments.get("sr_ratio", 1)
    reduced = (size[0] // ratio, size[1] // ratio) if size else None
    position = _grid(arguments["num_patches"] // (ratio * ratio), reduced)
    return {"normaliser": "mean", "position": position, "qkv_bias": arguments.get("qkv_bias", False)}


def _window_settings(arguments: Arguments, size: tuple[int, int] | None) -> dict[str, Any]:
    """One table over the window, which is the whole map."""
    height, width = arguments.get("window_size", (20, 20))
    return {"position": _grid(height * width, size, (height, width))}


def _cswin_settings(arguments: Arguments, size: tuple[int, int] | None) -> dict[str, Any]:
    """No projection and no bias, but a depthwise 3x3 on the values."""
    resolution = arguments["resolution"]
    height, width = resolution if isinstance(resolution, list | tuple) else (resolution, resolution)
    return {"position": _grid(height * width, size, (height, width)), "project": False, "lepe": True, "qkv_bias": False}


def _fused_qkv(tensors: Tensors, size: tuple[int, int] | None) -> dict[str, Tensor]:
    """Split a joint projection into query and key-value; drop rows of a position table that the map never reads."""
    ours: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        layer, _, leaf = name.rpartition(".")
        if layer in ("qkv", "conv_qkv"):
            rows = tensor.flatten(1) if leaf == "weight" else tensor
            third = rows.shape[0] // 3
            ours[f"q.{leaf}"], ours[f"kv.{leaf}"] = rows[:third], rows[third:]
        elif name == "positional_encoding":
            read = size[0] * size[1] if size is not None else tensor.shape[1]
            ours[name] = tensor[:, :read]
        else:
            ours[name] = tensor
    return ours


_HEADS = {"num_heads": "num_heads", "focusing_factor": "focusing_factor", "kernel_size": "kernel_size"}
_BIASED = {**_HEADS, "qkv_bias": "qkv_bias"}
_IDLE = ("qk_scale", "attn_drop", "proj_drop", "dim_out", "idx", "split_size")

CASES: dict[str, Reference] = {
    "mhsa.leaderj1001": Reference(
        block="mhsa",
        channels=("n_dims",),
        names={"heads": "heads"},
        settings=_mhsa_table,
        tensors=_same,
        others=("width", "height"),
    ),
    "mhsa.nopos": Reference(
        block="mhsa",
        channels=("n_dims",),
        names={"heads": "heads"},
        settings=_mhsa_optional,
        tensors=_same,
        others=("width", "height", "pos_emb"),
    ),
    "gam.dengbuqi": Reference(
        block="gam",
        channels=("in_channels", "out_channels"),
        names={"rate": "rate"},
        settings=_nothing,
        tensors=_same,
    ),
    "gam.sigmoid": Reference(
        block="gam",
        channels=("in_channels", "out_channels"),
        names={"rate": "rate"},
        settings=_fixed(variant="sigmoid"),
        tensors=_gam_sequential,
    ),
    "gam.grouped": Reference(
        block="gam",
        channels=("c1", "c2"),
        names={"rate": "rate"},
        settings=_gam_groups,
        tensors=_gam_sequential,
        others=("group",),
    ),
    "fla.snu77": Reference(
        block="fla",
        channels=("dim",),
        names=_BIASED,
        settings=_nothing,
        tensors=_same,
        others=_IDLE,
    ),
    "fla.pvt2024": Reference(
        block="fla",
        channels=("dim",),
        names={**_BIASED, "sr_ratio": "sr_ratio"},
        settings=_pvt_settings,
        tensors=_same,
        others=("num_patches", *_IDLE),
    ),
    "fla.window": Reference(
        block="fla",
        channels=("dim",),
        names=_BIASED,
        settings=_window_settings,
        tensors=_fused_qkv,
        others=("window_size", *_IDLE),
    ),
    "fla.cswin_z106": Reference(
        block="fla",
        channels=("dim",),
        names=_HEADS,
        settings=_cswin_settings,
        tensors=_fused_qkv,
        others=("resolution", *_IDLE),
    ),
    "lska.official": Reference(
        block="lska", channels=("dim",), names={"k_size": "k_size"}, settings=_nothing, tensors=_same
    ),
    "lska.van_attention": Reference(
        block="lska",
        channels=("d_model",),
        names={"k_size": "k_size"},
        settings=_fixed(variant="attention"),
        tensors=_same,
    ),
    "acmix.official": Reference(
        block="acmix",
        channels=("in_planes", "out_planes"),
        names={key: key for key in ("kernel_att", "head", "kernel_conv", "stride", "dilation")},
        settings=_nothing,
        tensors=_same,
    ),
}
