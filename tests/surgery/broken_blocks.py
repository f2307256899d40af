"""Blocks that break one promise each; imported by name, as a user's own."""

import itertools

import torch
from torch import nn
from ultralytics.nn.modules import Conv

WIDTHS = itertools.count(4)


class Plain(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return x + self.conv(x)


class FailsAt640(Plain):
    def forward(self, x):
        if x.shape[-1] >= 20:
            raise RuntimeError("too large for me")
        return super().forward(x)


class NotFiniteAt640(Plain):
    def forward(self, x):
        return super().forward(x) * (1 if x.shape[-1] < 20 else float("nan"))


class NormsOneValue(Plain):
    def __init__(self, channels):
        super().__init__(channels)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x):
        return super().forward(x) * self.norm(x.mean((2, 3), keepdim=True)).sigmoid()


class WritesInTraining(Plain):
    def forward(self, x):
        y = super().forward(x)
        if self.training:
            x.mul_(1.5)
        return y


class GoneWhenFused(nn.Module):
    """Does nothing where ``fuse()`` has taken the BatchNorm away."""

    def __init__(self, channels):
        super().__init__()
        self.conv = Conv(channels, channels, 1)

    def forward(self, x):
        return x + self.conv(x) if hasattr(self.conv, "bn") else x


class NeedsItsNorm(GoneWhenFused):
    def forward(self, x):
        return x + self.conv(x) * self.conv.bn.eps


class HidesFromExport(Plain):
    def forward(self, x):
        return x if torch.onnx.is_in_onnx_export() else super().forward(x)


class FrozenByTracing(Plain):
    def forward(self, x):
        return super().forward(x) * torch.linspace(0, 1, int(x.shape[-1]))


class CutsGradients(Plain):
    def forward(self, x):
        return self.conv(x.detach())


class GradientNotFinite(Plain):
    def forward(self, x):
        return super().forward(x) + (x * 0).sqrt()


class AnotherEachTime(nn.Module):
    def __init__(self, channels):
        super().__init__()
        width = next(WIDTHS)
        self.conv = nn.Sequential(nn.Conv2d(channels, width, 1), nn.Conv2d(width, channels, 1))

    def forward(self, x):
        return x + self.conv(x)
