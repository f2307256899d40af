"""Passes through both networks, each made once and shared by the checks that look at it."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from surgeon.graph.network import Network
from surgeon.surgery.plan import SurgeryPlan

Size = tuple[int, int]


def check_sizes(stride: int) -> tuple[Size, ...]:
    """A square and another image size ``(H, W)``, small enough to be quick.

    RT-DETR selects 300 anchors: at stride 32 these sizes have 336 and 315.
    """
    return (4 * stride, 4 * stride), (3 * stride, 5 * stride)


def image_for(network: Network, size: Size, batch: int = 1) -> Tensor:
    """Random pixels ``(B, C, H, W)`` in 0 … 1, the same in every process, on the network's device and in its type."""
    parameter = next(network.module.parameters(), torch.zeros(0))
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(batch, network.in_channels, *size, generator=generator)
    return image.to(device=parameter.device, dtype=parameter.dtype if parameter.is_floating_point() else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one pass showed.

    Attributes:
        outputs: What the network puts out.
        features: What enters the head.
        calls: How often each watched module was called.
    """

    outputs: list[Tensor]
    features: list[Tensor]
    calls: dict[str, int] = field(default_factory=dict)

    def equals(self, other: Seen) -> bool:
        """Whether outputs and features are equal bit for bit.

        Untrained weights can drown a difference of the features in the bias of the head, so both count.
        """
        return same(self.outputs, other.outputs) and same(self.features, other.features)


class Passes:
    """Both networks of an edit on the same images.

    Args:
        before: The network as it was.
        after: The edited network.
        plan: What was done.

    Attributes:
        before, after, plan: The same.
        old_state, new_state: Their state dicts.
        sizes: Image sizes ``(H, W)`` of the quick checks.
    """

    def __init__(self, before: Network, after: Network, plan: SurgeryPlan) -> None:
        self.before, self.after, self.plan = before, after, plan
        self.old_state: dict[str, Tensor] = before.module.state_dict()
        self.new_state: dict[str, Tensor] = after.module.state_dict()
        self.sizes = check_sizes(before.max_stride)
        hosts = {graft.key: graft.host for graft in plan.grafts if graft.block is not None}
        self._hosts = {key: hosts[key] for key in plan.planted if key in hosts}
        self._cache: dict[tuple[bool, Size], Seen] = {}

    def old(self, size: Size) -> Seen:
        """The original network's pass at an image size; ``calls`` are those of each graft's host."""
        if (False, size) not in self._cache:
            self._cache[False, size] = look(self.before, image_for(self.before, size), self._hosts)
        return self._cache[False, size]

    def new(self, size: Size) -> Seen:
        """The edited network's pass at an image size; ``calls`` are those of each planted block."""
        if (True, size) not in self._cache:
            self._cache[True, size] = look(self.after, image_for(self.after, size), self.plan.planted)
        return self._cache[True, size]


def look(network: Network, image: Tensor, watched: dict[str, str] | None = None) -> Seen:
    """One pass without gradients, counting the calls of modules.

    Args:
        network: The network.
        image: ``(B, C, H, W)``.
        watched: Any key → path of a module whose calls are counted.
    """
    with torch.no_grad(), _counting(network.module, watched or {}) as calls:
        outputs, features = network.observe(image)
    return Seen(outputs=outputs, features=features, calls={key: calls[key] for key in watched or {}})


@contextlib.contextmanager
def _counting(module: nn.Module, paths: dict[str, str]) -> Iterator[Counter[str]]:
    calls: Counter[str] = Counter()
    handles = []
    for key, path in paths.items():

        def note(_: nn.Module, __: Any, key: str = key) -> None:
            calls[key] += 1

        handles.append(module.get_submodule(path).register_forward_pre_hook(note))
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def same(a: list[Tensor], b: list[Tensor]) -> bool:
    """Whether two lists of tensors are equal bit for bit."""
    return len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def size_text(sizes: Iterable[Size]) -> str:
    """``128x128, 96x160``."""
    return ", ".join(f"{height}x{width}" for height, width in sizes)


def first_line(error: BaseException) -> str:
    """An error that a network raised, on one line."""
    return f"{type(error).__name__}: {error}".splitlines()[0]
