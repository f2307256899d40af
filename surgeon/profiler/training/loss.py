"""A loss with data behind a network without: what its predictions would be is made up, and gradients go back.

Which boxes a loss assigns depends on values, so it cannot run on meta tensors. It is small beside the network: it runs
on the CPU, on random predictions, and both parts are one graph to autograd.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.utils._pytree import tree_flatten, tree_unflatten

from surgeon.profiler.training.memory_mode import MemoryMode, held_by, share


class TrainingLoss(Protocol):
    """The loss that a network is trained with."""

    @property
    def name(self) -> str:
        """What it is, for the reader."""

    @property
    def boxes_per_image(self) -> int | None:
        """Targets of every image, None where it has no boxes."""

    def __call__(self, outputs: Any, images: int, imgsz: tuple[int, int]) -> Tensor:
        """The loss of the network's outputs in training mode, of ``images`` images of ``imgsz`` pixels ``(H, W)``."""


def made_up(outputs: Any, mode: MemoryMode) -> Any:
    """The outputs with random data, their gradients leading back to those without.

    Args:
        outputs: What the network returned, on the meta device.
        mode: Counts memory; data stands for the memory of the output that it was made for.
    """
    leaves, structure = tree_flatten(outputs)
    at: dict[int, int] = {}
    learned: list[Tensor] = []
    for leaf in leaves:
        if isinstance(leaf, Tensor) and leaf.requires_grad and id(leaf) not in at:
            at[id(leaf)] = len(learned)
            learned.append(leaf)
    values = _MadeUp.apply(mode, *learned) if learned else ()
    generator = torch.Generator().manual_seed(0)
    with mode.resting():
        filled = [
            leaf
            if not isinstance(leaf, Tensor) or not leaf.is_meta
            else (values[at[id(leaf)]] if id(leaf) in at else _random(leaf, generator))
            for leaf in leaves
        ]
    return tree_unflatten(filled, structure)


def _random(like: Tensor, generator: torch.Generator) -> Tensor:
    if not like.is_floating_point():
        return torch.zeros(like.shape, dtype=like.dtype)
    return torch.randn(like.shape, generator=generator).to(like.dtype)


class _MadeUp(torch.autograd.Function):
    """From outputs without data to random ones, and back without."""

    @staticmethod
    def forward(ctx: Any, mode: MemoryMode, *outputs: Tensor) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.mode = mode
        generator = torch.Generator().manual_seed(1)
        with mode.resting():
            values = tuple(_random(output, generator) for output in outputs)
        for value, output in zip(values, outputs, strict=True):
            share(held_by(output), value)
        return values

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        back: list[Tensor | None] = [None]
        for gradient in gradients:
            if gradient is None:
                back.append(None)
                continue
            with ctx.mode.resting():
                back.append(torch.empty_like(gradient, device="meta"))
            share(held_by(gradient), back[-1])  # type: ignore[arg-type]
        return tuple(back)
