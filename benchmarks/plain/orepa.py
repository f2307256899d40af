"""OREPA and OREPA_1x1, plainly: each branch's kernel by itself, as the authors add them up."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from surgeon.blocks.common import Block
from surgeon.blocks.orepa import OREPA, OREPA1x1


def orepa(m: OREPA, x: Tensor) -> Tensor:
    k, g, c, o = m.kernel_size, m.groups, m.in_channels, m.out_channels
    p = dict(m.named_parameters())
    p = {name.removeprefix("weight_orepa_"): tensor for name, tensor in p.items()}
    prior = m.get_buffer("weight_orepa_prior").view(o, k, k)
    first = (p["1x1_kxk_idconv1"] + m.get_buffer("id_tensor")).squeeze(3).squeeze(2)
    branches = [p["origin"]]
    branches.append(
        torch.einsum("oi,hw->oihw", p["avg_conv"].squeeze(3).squeeze(2), m.get_buffer("weight_orepa_avg_avg"))
    )
    branches.append(torch.einsum("oi,ohw->oihw", p["pfir_conv"].squeeze(3).squeeze(2), prior))
    pieces = [
        torch.einsum("ti,othw->oihw", a, z) for a, z in zip(first.chunk(g), p["1x1_kxk_conv2"].chunk(g), strict=True)
    ]
    branches.append(torch.cat(pieces))
    branches.append(F.pad(p["1x1"], (k // 2,) * 4))
    deep = p["gconv_dw"].view(g, c // g, 8, k, k)
    wide = p["gconv_pw"].view(o // g, g, c // g, 8)
    branches.append(torch.einsum("ogie,giehw->goihw", wide, deep).reshape(o, c // g, k, k))
    weight = sum(torch.einsum("oihw,o->oihw", branch, v) for branch, v in zip(branches, m.vector, strict=True))
    return _convolve(m, weight, x)


def orepa1x1(m: OREPA1x1, x: Tensor) -> Tensor:
    product = torch.einsum("tihw,othw->oihw", m.weight_or1x1_l2i_conv1, m.weight_or1x1_l2i_conv2)
    weight = m.vector[0, :, None, None, None] * m.weight_or1x1_origin + m.vector[1, :, None, None, None] * product
    return _convolve(m, weight, x)


def _convolve(m: Block, weight: Tensor, x: Tensor) -> Tensor:
    stride, dilation = m.settings["stride"], m.settings.get("dilation", 1)
    padding = dilation * (weight.shape[2] // 2)
    y = F.conv2d(x, weight, None, stride, padding, dilation, m.settings.get("groups", 1))
    y = F.batch_norm(y, m.bn.running_mean, m.bn.running_var, m.bn.weight, m.bn.bias)
    return {"none": lambda v: v, "relu": F.relu, "silu": F.silu}[m.settings["activation"]](y)
