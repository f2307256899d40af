"""BRA: the published classes that hold these weights."""

from __future__ import annotations

from torch import Tensor

from surgeon.blocks.published.form import Reference, Size, Tensors, fixed, renamed

_NAMES = {
    "num_heads": "num_heads",
    "n_win": "n_win",
    "qk_scale": "qk_scale",
    "topk": "topk",
    "side_dwconv": "side_dwconv",
}
_RENAMED = renamed({"qkv.qkv": "qkv_linear", "wo": "output_linear"})


def _legacy(tensors: Tensors, size: Size) -> dict[str, Tensor]:
    """The first class projects tokens: its weights have two dimensions."""
    return {key: t[:, :, None, None] if t.dim() == 2 else t for key, t in _RENAMED(tensors, size).items()}


CASES: dict[str, Reference] = {
    "bra.nchw": Reference(block="bra", channels=("dim",), names=_NAMES),
    "bra.legacy": Reference(
        block="bra",
        channels=("dim",),
        names=_NAMES,
        settings=fixed(variant="legacy"),
        tensors=_legacy,
    ),
}
