"""timm's own modules beside our blocks of the same definition: which they are, and how they are built."""

from __future__ import annotations

from collections.abc import Callable

from timm.layers import EcaModule, SqueezeExcite, create_attn
from timm.models._efficientnet_blocks import InvertedResidual
from torch import nn


def _attention(name: str, **settings: object) -> Callable[[int], nn.Module]:
    def build(channels: int) -> nn.Module:
        module: nn.Module = create_attn(name, channels, **settings)
        return module

    return build


def _inverted_residual(channels: int) -> nn.Module:
    """MBConv with squeeze and excitation on a quarter of its input's channels, as ours at its defaults."""
    squeezed = max(1, channels // 4)
    module: nn.Module = InvertedResidual(
        channels,
        channels,
        exp_ratio=6.0,
        act_layer=nn.SiLU,
        se_layer=lambda wide, **_: SqueezeExcite(wide, rd_channels=squeezed),
    )
    return module


PEERS: dict[str, Callable[[int], nn.Module]] = {
    "se": _attention("se", rd_ratio=1 / 16, rd_divisor=1),
    "eca": lambda channels: EcaModule(kernel_size=3),
    "cbam": _attention("cbam", rd_ratio=1 / 16, rd_divisor=1),
    "coordatt": _attention("coord", rd_ratio=1 / 32, rd_divisor=8),
    "gc": _attention("gc"),
    "sk": _attention("sk"),
    "mbconv": _inverted_residual,
}
"""By our name. timm 1.0.31 has no other module of a definition that we have too (its ``ge`` cannot be built)."""
