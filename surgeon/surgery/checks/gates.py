"""Opening the gates of planted blocks, and moving their weights, for a while."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

import torch
from torch import nn


def gate_of(block: nn.Module) -> torch.nn.Parameter | None:
    """The gate of a planted block; None for one planted as published."""
    gate = getattr(block, "gate", None)
    return gate if isinstance(gate, nn.Parameter) else None


@contextlib.contextmanager
def opened(blocks: Iterable[nn.Module]) -> Iterator[None]:
    """All gates of these blocks at 1: each is exactly its block."""
    gates = [gate for block in blocks if (gate := gate_of(block)) is not None]
    closed = [gate.detach().clone() for gate in gates]
    try:
        for gate in gates:
            gate.data.fill_(1.0)
        yield
    finally:
        for gate, values in zip(gates, closed, strict=True):
            gate.data.copy_(values)


@contextlib.contextmanager
def nudged(planted: nn.Module) -> Iterator[None]:
    """The parameters of a planted block, its gate apart, moved a little: none stays at an initial 0 or 1."""
    gate = gate_of(planted)
    parameters = [p for p in planted.parameters() if p is not gate and p.is_floating_point()]
    before = [p.detach().clone() for p in parameters]
    try:
        for parameter in parameters:
            parameter.data.add_(nudge(parameter))
        yield
    finally:
        for parameter, values in zip(parameters, before, strict=True):
            parameter.data.copy_(values)


def nudge(parameter: torch.Tensor) -> torch.Tensor:
    """Noise in proportion to the spread of a parameter's values, the same for each shape."""
    spread = float(parameter.detach().float().std()) if parameter.numel() > 1 else 0.0
    noise = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0))
    return (0.3 * spread or 0.1) * noise.to(device=parameter.device, dtype=parameter.dtype)
