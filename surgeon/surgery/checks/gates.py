"""Opening the gates of planted blocks for a while."""

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
