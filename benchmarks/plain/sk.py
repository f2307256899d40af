"""SK, plainly."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from plain.layers import conv, norm
from surgeon.blocks.sk import SK


def sk(m: SK, x: Tensor) -> Tensor:
    b, c, _, _ = x.shape
    kernels = m.settings["kernels"]
    paste = m.settings["variant"] == "paste"
    views = []
    for i, k in enumerate(kernels):
        part = x.chunk(len(kernels), 1)[i] if m.settings["split_input"] else x
        name = f"convs.{i}" if paste else f"paths.{i}"
        dilation = 1 if paste or k == 1 else (k - 1) // 2
        y = conv(m, f"{name}.conv", part, padding=k // 2, dilation=dilation)
        views.append(norm(m.get_submodule(f"{name}.bn"), y).relu())
    stacked = torch.stack(views, 1)
    pooled = stacked.sum(1).mean((2, 3), keepdim=True)
    if paste:
        hidden = conv(m, "fc", pooled)
        logits = torch.stack([conv(m, f"fcs.{i}", hidden) for i in range(len(kernels))], 1)
    else:
        hidden = F.relu(norm(m.attn.bn, conv(m, "attn.fc_reduce", pooled)))
        logits = conv(m, "attn.fc_select", hidden).view(b, len(kernels), c, 1, 1)
    return (stacked * logits.softmax(1)).sum(1)
