"""Mistakes of blocks in circulation, each re-created in its smallest form; imported by name, as a user's own."""

import torch
from torch import nn
from torch.nn import functional as F


class Identity(nn.Module):
    """HAT pasted with ``upsampler=''``: the forward returns what it reads, and millions of parameters learn nothing."""

    def __init__(self, channels):
        super().__init__()
        self.body = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return x


class BatchSoftmax(nn.Module):
    """DoubleAttention whose softmax names no axis: on three axes that is the batch, so 1 for a single image."""

    def __init__(self, channels):
        super().__init__()
        self.gather, self.spread, self.value, self.out = (nn.Conv2d(channels, channels, 1) for _ in range(4))

    def forward(self, x):
        a = self.value(x).flatten(2)
        gather, spread = (F.softmax(conv(x).flatten(2)) for conv in (self.gather, self.spread))
        return self.out((a @ gather.mT @ spread).view(x.shape))


class SigmoidOfSoftmax(nn.Module):
    """Parallel polarized self-attention: the sigmoid of a softmax over all pixels stays at one half."""

    def __init__(self, channels):
        super().__init__()
        self.query = nn.Conv2d(channels, channels, 1)
        self.value = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        query = self.query(x).mean((2, 3)).unsqueeze(1)
        weights = (query @ self.value(x).flatten(2)).softmax(-1)
        return x * weights.sigmoid().view(-1, 1, *x.shape[2:])


class OnlyWithShortcut(nn.Module):
    """FLA pasted into the branch of C2f that runs with a shortcut only: built, never called."""

    def __init__(self, channels, shortcut=False):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.attention = nn.Conv2d(channels, channels, 1)
        self.shortcut = shortcut

    def forward(self, x):
        return x + self.attention(self.conv(x)) if self.shortcut else self.conv(x)


class MeanOfNorm(nn.Module):
    """EMA: the mean of a normalised map is the norm's bias, so the softmax of it is the same for every image."""

    def __init__(self, channels):
        super().__init__()
        self.norm = nn.GroupNorm(channels, channels)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        x1, x2 = self.norm(x), self.conv(x)
        a, b = (y.mean((2, 3)).softmax(1).unsqueeze(1) for y in (x1, x2))
        return x * (a @ x2.flatten(2) + b @ x1.flatten(2)).sigmoid().view(-1, 1, *x.shape[2:])


class SumInHalf(nn.Module):
    """SimAM: the sum of squares over a large map overflows float16, and the gate is constant."""

    def __init__(self, channels):
        super().__init__()

    def forward(self, x):
        d = (x - x.mean((2, 3), keepdim=True)).square()
        variance = d.sum((2, 3), keepdim=True) / (x.shape[2] * x.shape[3] - 1)
        return x * torch.sigmoid(d / (4 * (variance + 1e-4)) + 0.5)


class WritesItsInput(nn.Module):
    """MSDA: the result is written into the map that it was given, which other rows read."""

    def __init__(self, channels):
        super().__init__()
        self.project = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        y = self.project(x)
        x.copy_(y.detach())
        return y


class StartsAsIdentity(nn.Module):
    """Its last layer starts at zero: behind a closed gate neither would ever learn."""

    def __init__(self, channels):
        super().__init__()
        self.inner = nn.Conv2d(channels, channels, 1)
        self.outer = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, x):
        return x + self.outer(self.inner(x).relu())


class Sound(nn.Module):
    """Squeeze and excitation, of which all works."""

    def __init__(self, channels):
        super().__init__()
        self.squeeze = nn.Conv2d(channels, 4, 1)
        self.excite = nn.Conv2d(4, channels, 1)

    def forward(self, x):
        return x * self.excite(self.squeeze(x.mean((2, 3), keepdim=True)).relu()).sigmoid()


class Wide(nn.Module):
    """Sound, with too many weights for a CPU in float16."""

    def __init__(self, channels):
        super().__init__()
        self.mix = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        return x * self.mix(x).sigmoid()


class SmallMapsOnly(nn.Module):
    """Runs in the small network of the checks, and at no size at which a class is asked alone."""

    def __init__(self, channels):
        super().__init__()
        self.mix = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        if x.shape[2] > 6:
            raise ValueError("only maps of up to 6 rows")
        return x + self.mix(x)
