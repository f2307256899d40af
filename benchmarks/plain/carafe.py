"""CARAFE, plainly: as pasted, by unfolding the up-sampled map."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from plain.layers import conv
from surgeon.blocks.carafe import CARAFE


def carafe(m: CARAFE, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    k, g, s, e = (m.settings[key] for key in ("up_kernel", "up_group", "scale", "encoder_kernel"))
    reach = m.settings["encoder_dilation"] * (e // 2)
    options = {"padding": reach, "dilation": m.settings["encoder_dilation"]}
    if m.variant == "paste":
        y = _norm(m.enc.bn, conv(m, "enc.conv", F.silu(_norm(m.comp.bn, conv(m, "comp.conv", x))), **options))
    else:
        y = conv(m, "content_encoder", conv(m, "channel_compressor", x), **options)
    masks = F.pixel_shuffle(y, s).view(b, g, 1, k * k, h * s, w * s).softmax(3)
    windows = F.unfold(F.interpolate(x, scale_factor=s), k, dilation=s, padding=k // 2 * s)
    windows = windows.view(b, g, c // g, k * k, h * s, w * s)
    return (masks * windows).sum(3).view(b, c, h * s, w * s)


def _norm(norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias)
