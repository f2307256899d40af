"""FLA: the published classes that hold these weights."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from surgeon.blocks.published.form import Arguments, Reference, Size, Tensors
from surgeon.errors import BlockError


def _grid(tokens: int, size: Size, stored: Size = None) -> tuple[int, int]:
    """Map size of a flattened table: the one it ran at if its rows suffice, else the stored one, else a square."""
    if size is not None and size[0] * size[1] <= tokens:
        return size
    side = math.isqrt(tokens)
    if stored is None and side * side != tokens:
        raise BlockError(f"A position table of {tokens} rows is no square map: say at which size (H, W) it ran.")
    return stored or (side, side)


def _pvt_settings(arguments: Arguments, size: Size) -> dict[str, Any]:
    """Positions are those of the reduced map."""
    ratio = arguments.get("sr_ratio", 1)
    reduced = (size[0] // ratio, size[1] // ratio) if size else None
    position = _grid(arguments["num_patches"] // (ratio * ratio), reduced)
    return {"normaliser": "mean", "position": position, "qkv_bias": arguments.get("qkv_bias", False)}


def _window_settings(arguments: Arguments, size: Size) -> dict[str, Any]:
    """One table over the window, which is the whole map."""
    height, width = arguments.get("window_size", (20, 20))
    return {"position": _grid(height * width, size, (height, width))}


def _cswin_settings(arguments: Arguments, size: Size) -> dict[str, Any]:
    """No projection and no bias, but a depthwise 3x3 on the values."""
    resolution = arguments["resolution"]
    height, width = resolution if isinstance(resolution, list | tuple) else (resolution, resolution)
    return {"position": _grid(height * width, size, (height, width)), "project": False, "lepe": True, "qkv_bias": False}


def _fused_qkv(tensors: Tensors, size: Size) -> dict[str, Tensor]:
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
    "fla.snu77": Reference(
        block="fla",
        channels=("dim",),
        names=_BIASED,
        others=_IDLE,
    ),
    "fla.pvt2024": Reference(
        block="fla",
        channels=("dim",),
        names={**_BIASED, "sr_ratio": "sr_ratio"},
        settings=_pvt_settings,
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
}
