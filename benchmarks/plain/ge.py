"""GE, plainly."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from plain.layers import conv
from surgeon.blocks.ge import GatherExcite


def ge(m: GatherExcite, x: Tensor) -> Tensor:
    c, extent = x.shape[1], m.extent
    if m.settings["extra_params"]:
        y = x
        for index, norm in enumerate(m.norms):
            y = conv(m, f"convs.{index}", y, stride=2, padding=1, groups=c)
            y = F.batch_norm(y, norm.running_mean, norm.running_var, norm.weight, norm.bias, m.training, 0.0, norm.eps)
            y = y.relu() if index < len(m.norms) - 1 else y
    elif extent == 0:
        y = x.mean(dim=(2, 3), keepdim=True)
        if m.add_maxpool:
            y = 0.5 * y + 0.5 * x.amax((2, 3), keepdim=True)
    else:
        window = 2 * extent - 1
        y = F.avg_pool2d(x, window, extent, window // 2, count_include_pad=False)
        if m.add_maxpool:
            y = 0.5 * y + 0.5 * F.max_pool2d(x, window, extent, window // 2)
    if m.settings["use_mlp"]:
        y = conv(m, "fc2", conv(m, "fc1", y).relu())
    if y.shape[-1] != 1 or y.shape[-2] != 1:
        y = F.interpolate(y, size=x.shape[-2:])
    return x * y.sigmoid()
