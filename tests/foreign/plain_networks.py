"""Networks as people write them who know no YOLO: what an edit must cope with, one habit a class."""

from __future__ import annotations

import threading

import torch
from torch import nn
from torch.nn import functional as F


def unit(c1: int, c2: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(c1, c2, 3, stride, 1, bias=False), nn.BatchNorm2d(c2), nn.ReLU())


class DictOutput(nn.Module):
    """Two heads, told apart by their names."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.body = unit(3, 16, 2), unit(16, 32, 2)
        self.boxes, self.scores = nn.Conv2d(32, 4, 1), nn.Conv2d(32, 8, 1)

    def forward(self, x):
        x = self.body(self.stem(x))
        return {"boxes": self.boxes(x), "scores": self.scores(x)}


class ListOutput(nn.Module):
    """A pyramid: one map a level."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = unit(3, 16, 2)
        self.levels = nn.ModuleList([unit(16, 32, 2), unit(32, 64, 2)])

    def forward(self, x):
        x, maps = self.stem(x), []
        for level in self.levels:
            x = level(x)
            maps.append(x)
        return maps


class CalledTwice(nn.Module):
    """One module at two places of the pass."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.again, self.head = unit(3, 16, 2), unit(16, 16), nn.Conv2d(16, 8, 1)

    def forward(self, x):
        return self.head(self.again(self.again(self.stem(x))))


class Functional(nn.Module):
    """Functions between the modules: pooling, a residual, concatenation, a permutation that is no map."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.body, self.side = unit(3, 16, 2), unit(16, 16), unit(16, 16)
        self.mix, self.norm, self.head = nn.Conv2d(32, 16, 1), nn.LayerNorm(16), nn.Linear(16, 10)

    def forward(self, x):
        x = F.max_pool2d(self.stem(x), 2)
        x = x + self.body(x)
        x = self.mix(torch.cat([x, self.side(x) * 0.5], 1))
        x = self.norm(x.flatten(2).transpose(1, 2))
        return self.head(x).mean(1)


class Stage(nn.Module):
    def __init__(self, c1: int, c2: int) -> None:
        super().__init__()
        self.unit = unit(c1, c2, 2)

    def forward(self, x, skip=None):
        y = self.unit(x)
        return y if skip is None else y + skip


class KeywordCall(nn.Module):
    """Its stages are called with keywords."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.one, self.two = unit(3, 16, 2), Stage(16, 16), Stage(16, 16)
        self.skip, self.head = unit(16, 16, 4), nn.Conv2d(16, 8, 1)

    def forward(self, x):
        x = self.stem(x)
        return self.head(self.two(x=self.one(x=x), skip=self.skip(x)))


class NoParameters(nn.Module):
    """Nothing to train; a block brings the first weights."""

    def __init__(self) -> None:
        super().__init__()
        self.pool, self.up, self.act = nn.AvgPool2d(2), nn.Upsample(scale_factor=2), nn.Tanh()

    def forward(self, x):
        return self.act(self.up(self.pool(x)))


class Unbounded(nn.Module):
    """Puts out infinities, as a mask does, and an exponential of untrained weights."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = unit(3, 16, 2), nn.Conv2d(16, 8, 1)

    def forward(self, x):
        return self.head(self.stem(x)).exp() * torch.inf


class NoCopy(DictOutput):
    """Holds what cannot be copied, nor pickled."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()


def sequential() -> nn.Sequential:
    return nn.Sequential(
        unit(3, 16, 2), unit(16, 32, 2), nn.Sequential(unit(32, 32), unit(32, 32)), nn.Conv2d(32, 8, 1)
    )


NETWORKS = {
    "sequential": sequential,
    "dict-output": DictOutput,
    "list-output": ListOutput,
    "called-twice": CalledTwice,
    "functional": Functional,
    "keyword-call": KeywordCall,
    "no-parameters": NoParameters,
    "no-copy": NoCopy,
    "unbounded": Unbounded,
}
