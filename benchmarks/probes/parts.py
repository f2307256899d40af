"""What probes are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

CHANNELS, SIDE = 64, 20
C, N = CHANNELS, SIDE * SIDE

conv = partial(nn.Conv2d, bias=False)
linear = partial(nn.Linear, bias=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A network and what it costs.

    Attributes:
        name: What it is about.
        build: Makes it.
        macs: Its MACs in closed form; None where no formula is agreed on, so that only a warning is right.
        also: Other figures that are as right (another order of the same products, complex numbers as four real ones).
    """

    name: str
    build: Callable[[], nn.Module]
    macs: int | None
    also: tuple[int, ...] = ()

    @property
    def right(self) -> tuple[int, ...]:
        """Every figure that is right."""
        return (*(() if self.macs is None else (self.macs,)), *self.also)


class Parts(nn.Module):
    """A function of an image, with the modules and parameters that it uses as attributes of its first argument."""

    def __init__(self, run: Callable[[Any, Tensor], Any], **parts: Any) -> None:
        super().__init__()
        self.run = run
        for name, part in parts.items():
            setattr(self, name, nn.Parameter(part) if isinstance(part, Tensor) else part)

    def forward(self, x: Tensor) -> Any:
        """What the function makes of the image ``(B, 64, 20, 20)``."""
        return self.run(self, x)


def probe(
    name: str,
    macs: int | None,
    run: Callable[[Any, Tensor], Any],
    also: tuple[int, ...] = (),
    **parts: Callable[[], Any],
) -> Probe:
    """A probe of a function; ``parts`` make the modules and parameters when the probe is built."""

    def build() -> nn.Module:
        return Parts(run, **{key: make() for key, make in parts.items()}).eval()

    return Probe(name=name, build=build, macs=macs, also=also)


def weight(*shape: int) -> Callable[[], Tensor]:
    """Makes a parameter."""
    return lambda: torch.randn(*shape)


def tokens(x: Tensor) -> Tensor:
    """An image as a sequence: ``(B, C, H, W)`` to ``(B, HW, C)``."""
    return x.flatten(2).transpose(1, 2)


def heads(x: Tensor, number: int = 4) -> Tensor:
    """Split a sequence ``(B, N, C)`` into heads ``(B, number, N, C / number)``."""
    return x.unflatten(-1, (number, -1)).transpose(1, 2)
