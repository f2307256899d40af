"""BAM, plainly."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.bam import BAM


def _norm(bn: nn.Module, x: Tensor) -> Tensor:
    return F.batch_norm(x, bn.running_mean, bn.running_var, bn.weight, bn.bias, bn.training, 0.0, bn.eps).relu()


def bam(m: BAM, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    channel = F.avg_pool2d(x, (h, w), stride=(h, w)).view(b, c)
    for layer, bn in zip(m.channel_fc, m.channel_bn, strict=True):
        channel = _norm(bn, F.linear(channel, layer.weight, layer.bias))
    channel = F.linear(channel, m.channel_out.weight, m.channel_out.bias).view(b, c, 1, 1).expand_as(x)
    spatial = _norm(m.spatial_bn[0], F.conv2d(x, m.spatial_reduce.weight, m.spatial_reduce.bias))
    for conv, bn in zip(m.spatial_conv, m.spatial_bn[1:], strict=True):
        d = conv.dilation[0]
        spatial = _norm(bn, F.conv2d(spatial, conv.weight, conv.bias, padding=d, dilation=d))
    spatial = F.conv2d(spatial, m.spatial_out.weight, m.spatial_out.bias).expand_as(x)
    gate = channel * spatial if m.variant == "official" else channel + spatial
    return (1 + gate.sigmoid()) * x
