"""Convolutions in every dress, and modules that are called in ways which hooks do not see."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint
from torchvision.ops import DeformConv2d, deform_conv2d

from .parts import SIDE, C, N, Probe, conv, linear, probe, tokens, weight


def _mixed_experts(m: Any, x: Tensor) -> Tensor:
    shares = m.route(x.mean((2, 3))).softmax(-1)
    kernel = (shares @ m.experts.flatten(1)).view(C, C, 3, 3)
    return F.conv2d(x, kernel, padding=1)


def _involution(m: Any, x: Tensor) -> Tensor:
    kernel = m.kernel(x).view(1, 1, 9, N)
    return (F.unfold(x, 3, padding=1).view(1, C, 9, N) * kernel).sum(2).view_as(x)


def _autocast(m: Any, x: Tensor) -> Tensor:
    with torch.autocast(x.device.type if x.device.type != "meta" else "cpu", torch.bfloat16):
        return m.conv(x)


def _coordinates(m: Any, x: Tensor) -> Tensor:
    strips = torch.cat([x.mean(3), x.mean(2)], 2).unsqueeze(-1)
    rows, columns = F.relu(m.squeeze(strips)).split([SIDE, SIDE], 2)
    return x * m.rows(rows).sigmoid() * m.columns(columns).transpose(2, 3).sigmoid()


def _cbam(m: Any, x: Tensor) -> Tensor:
    x = x * sum(m.up(F.relu(m.down(pool(x, 1)))) for pool in (F.adaptive_avg_pool2d, F.adaptive_max_pool2d)).sigmoid()
    return x * m.spatial(torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)).sigmoid()


def _modulated(m: Any, x: Tensor) -> Tensor:
    offset, mask = m.offset(x).split([18, 9], 1)
    return deform_conv2d(x, offset, m.kernel, padding=1, mask=mask.sigmoid())


def _two_parents() -> nn.Module:
    shared = conv(C, C, 1)
    return nn.Sequential(nn.Sequential(shared), nn.Sequential(shared))


PROBES: tuple[Probe, ...] = (
    probe("Conv2d 3x3", N * C * C * 9, lambda m, x: m.conv(x), conv=lambda: conv(C, C, 3, padding=1)),
    probe("Conv2d with bias", N * C * C * 9, lambda m, x: m.conv(x), conv=lambda: nn.Conv2d(C, C, 3, padding=1)),
    probe("Conv2d, stride 2", N // 4 * C * C * 9, lambda m, x: m.conv(x), conv=lambda: conv(C, C, 3, 2, 1)),
    probe("Conv2d, dilated", N * C * C * 9, lambda m, x: m.conv(x), conv=lambda: conv(C, C, 3, 1, 2, 2)),
    probe("Conv2d, 4 groups", N * C * C // 4 * 9, lambda m, x: m.conv(x), conv=lambda: conv(C, C, 3, 1, 1, groups=4)),
    probe("Conv2d, depthwise 7x7", N * C * 49, lambda m, x: m.conv(x), conv=lambda: conv(C, C, 7, 1, 3, groups=C)),
    probe("Conv2d 1x7", N * C * C * 7, lambda m, x: m.conv(x), conv=lambda: conv(C, C, (1, 7), padding=(0, 3))),
    probe(
        "Conv2d 4x4, padding same", N * C * C * 16, lambda m, x: m.conv(x), conv=lambda: conv(C, C, 4, padding="same")
    ),
    probe(
        "Conv2d, circular padding",
        N * C * C * 9,
        lambda m, x: m.conv(x),
        conv=lambda: conv(C, C, 3, padding=1, padding_mode="circular"),
    ),
    probe("Conv2d of one image without batch", N * C * C, lambda m, x: m.conv(x[0]), conv=lambda: conv(C, C, 1)),
    probe(
        "Conv2d of two images",
        2 * N * C * C * 9,
        lambda m, x: m.conv(torch.cat([x, x])),
        conv=lambda: conv(C, C, 3, padding=1),
    ),
    probe("Conv2d under autocast", N * C * C * 9, _autocast, conv=lambda: conv(C, C, 3, padding=1)),
    probe(
        "Conv1d",
        N * C * C * 3,
        lambda m, x: m.conv(x.flatten(2)),
        conv=lambda: nn.Conv1d(C, C, 3, padding=1, bias=False),
    ),
    probe(
        "Conv3d",
        16 * N * 8 * 4 * 27,
        lambda m, x: m.conv(x.view(1, 4, 16, SIDE, SIDE)),
        conv=lambda: nn.Conv3d(4, 8, 3, padding=1, bias=False),
    ),
    probe(
        "ConvTranspose2d 2x2",
        N * C * C * 4,
        lambda m, x: m.conv(x),
        conv=lambda: nn.ConvTranspose2d(C, C, 2, 2, bias=False),
    ),
    probe(
        "ConvTranspose2d 3x3, 4 groups",
        N * C * C // 4 * 9,
        lambda m, x: m.conv(x),
        conv=lambda: nn.ConvTranspose2d(C, C, 3, 2, 1, 1, groups=4, bias=False),
    ),
    probe(
        "ConvTranspose1d",
        N * C * C * 4,
        lambda m, x: m.conv(x.flatten(2)),
        conv=lambda: nn.ConvTranspose1d(C, C, 4, 2, 1, bias=False),
    ),
    probe("F.conv2d", N * C * C * 9, lambda m, x: F.conv2d(x, m.kernel, padding=1), kernel=weight(C, C, 3, 3)),
    probe(
        "F.conv_transpose2d",
        N * C * C * 4,
        lambda m, x: F.conv_transpose2d(x, m.kernel, stride=2),
        kernel=weight(C, C, 2, 2),
    ),
    probe(
        "F.conv2d, dynamic weights (CondConv)",
        C * 4 + 4 * C * C * 9 + N * C * C * 9,
        _mixed_experts,
        route=lambda: linear(C, 4),
        experts=weight(4, C, C, 3, 3),
    ),
    probe(
        "F.conv2d, dynamic depthwise weights",
        C * C * 9 + N * C * 9,
        lambda m, x: F.conv2d(x, m.kernel(x.mean((2, 3))).view(C, 1, 3, 3), padding=1, groups=C),
        kernel=lambda: linear(C, C * 9),
    ),
    probe("involution, multiply and sum", N * C * 9, _involution, (2 * N * C * 9,), kernel=lambda: conv(C, 9, 1)),
    probe(
        "unfold and matmul (im2col)",
        N * C * C * 9,
        lambda m, x: (m.kernel @ F.unfold(x, 3, padding=1)).view_as(x),
        kernel=weight(C, C * 9),
    ),
    probe(
        "DeformConv2d",
        N * C * 18 * 9 + N * C * C * 9,
        lambda m, x: m.conv(x, m.offset(x)),
        offset=lambda: conv(C, 18, 3, padding=1),
        conv=lambda: DeformConv2d(C, C, 3, padding=1, bias=False),
    ),
    probe(
        "deform_conv2d with mask",
        N * C * 27 * 9 + N * C * C * 9,
        _modulated,
        offset=lambda: conv(C, 27, 3, padding=1),
        kernel=weight(C, C, 3, 3),
    ),
    probe(
        "weight norm",
        N * C * C * 9,
        lambda m, x: m.conv(x),
        conv=lambda: nn.utils.parametrizations.weight_norm(conv(C, C, 3, padding=1)),
    ),
    probe("a module called twice", 2 * N * C * C, lambda m, x: m.conv(m.conv(x)), conv=lambda: conv(C, C, 1)),
    Probe(name="a module in two parents", build=lambda: _two_parents().eval(), macs=2 * N * C * C),
    probe("a module called by .forward()", N * C * C, lambda m, x: m.conv.forward(x), conv=lambda: conv(C, C, 1)),
    probe(
        "a module under checkpoint",
        N * C * C,
        lambda m, x: checkpoint(m.conv, x, use_reentrant=False),
        conv=lambda: conv(C, C, 1),
    ),
    probe(
        "SE, functional pooling",
        2 * C * 4,
        lambda m, x: x * m.up(F.relu(m.down(F.adaptive_avg_pool2d(x, 1)))).sigmoid(),
        down=lambda: conv(C, 4, 1),
        up=lambda: conv(4, C, 1),
    ),
    probe(
        "ECA",
        3 * C,
        lambda m, x: x * m.conv(x.mean((2, 3)).unsqueeze(1)).sigmoid().view(1, C, 1, 1),
        conv=lambda: nn.Conv1d(1, 1, 3, padding=1, bias=False),
    ),
    probe(
        "CBAM",
        2 * 2 * C * 4 + N * 2 * 49,
        _cbam,
        down=lambda: conv(C, 4, 1),
        up=lambda: conv(4, C, 1),
        spatial=lambda: conv(2, 1, 7, padding=3),
    ),
    probe(
        "CoordAtt",
        2 * SIDE * C * 8 + 2 * SIDE * 8 * C,
        _coordinates,
        squeeze=lambda: conv(C, 8, 1),
        rows=lambda: conv(8, C, 1),
        columns=lambda: conv(8, C, 1),
    ),
    probe(
        "conv and interpolate",
        N * C * C,
        lambda m, x: F.interpolate(m.conv(x), scale_factor=2, mode="bilinear"),
        conv=lambda: conv(C, C, 1),
    ),
    probe("Linear on 4-D", N * C * 128, lambda m, x: m.linear(x.permute(0, 2, 3, 1)), linear=lambda: linear(C, 128)),
    probe("F.linear", N * C * 128, lambda m, x: F.linear(tokens(x), m.weight), weight=weight(128, C)),
)
