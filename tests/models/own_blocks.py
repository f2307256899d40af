"""Classes as users write them, for the tests of edits; imported from a folder of the test's own."""

SOURCE = '''
import torch
from torch import nn
from torch.nn import functional as F
from ultralytics.nn.modules import C2f, Conv


class MyUp(nn.Module):
    """Twice the resolution, channels kept."""

    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, 4 * channels, 1)

    def forward(self, x):
        return F.pixel_shuffle(self.conv(x), 2)


class MyDown(nn.Module):
    """Half the resolution, any channels."""

    def __init__(self, c1, c2):
        super().__init__()
        self.conv = nn.Conv2d(c1, c2, 3, 2, 1, bias=False)
        self.bn = nn.BatchNorm2d(c2)

    def forward(self, x):
        return self.bn(self.conv(x)).relu()


class Keep(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return self.conv(x)


class Fuse(nn.Module):
    """A weighted sum of several maps."""

    takes_list = True

    def __init__(self, widths, out_channels, scale=1.0):
        super().__init__()
        self.scale = scale
        self.project = nn.ModuleList(nn.Conv2d(c, out_channels, 1) for c in widths)
        self.weight = nn.Parameter(torch.ones(len(widths)))

    def forward(self, maps):
        share = self.weight.softmax(0)
        return self.scale * sum(w * conv(x) for w, conv, x in zip(share, self.project, maps))


class Fixed(nn.Module):
    """A position table for one map size."""

    def __init__(self, channels, side=4):
        super().__init__()
        self.table = nn.Parameter(torch.zeros(1, channels, side, side))

    def forward(self, x):
        return x + self.table


class AttentiveC2f(C2f):
    """What people write, and the exporter undoes."""

    def __init__(self, channels):
        super().__init__(channels, channels)

    def forward(self, x):
        return x * super().forward(x).sigmoid()


class HoldsConv(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.inner = LouderConv(channels, channels)

    def forward(self, x):
        return self.inner(x)


class LouderConv(Conv):
    def forward(self, x):
        return 2 * super().forward(x)


class HoldsC2f(nn.Module):
    """The way that works."""

    def __init__(self, channels):
        super().__init__()
        self.inner = C2f(channels, channels)

    def forward(self, x):
        return x * self.inner(x).sigmoid()
'''
