"""Planted behind a closed gate, every block of the catalog can learn: the gate has a gradient at the first step."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from surgeon.blocks import catalog, create
from surgeon.blocks.planted import PlantedBlock

Case = tuple[str, dict[str, Any]]
CHANNELS = 16


def test_a_closed_gate_can_open(block: Case) -> None:
    name, settings = block
    resolved = catalog.get(name).resolve(CHANNELS, CHANNELS, settings).settings
    if catalog.get(name).output_size(6, 7, resolved) != (6, 7):
        pytest.skip("it changes the resolution, so it has no gate")
    planted = PlantedBlock(name, CHANNELS, CHANNELS, resolved, "identity", seed=0)
    x = torch.randn(2, CHANNELS, 6, 7)
    y = planted(x)
    assert torch.equal(y, x)
    (y * torch.randn_like(y)).sum().backward()
    assert planted.gate is not None and planted.gate.grad is not None
    assert planted.gate.grad.abs().max() > 1e-6


def test_a_block_that_starts_as_the_identity_does_so_only_without_a_gate() -> None:
    x = torch.randn(2, CHANNELS, 6, 7)
    assert torch.equal(create("contextaggregation", CHANNELS)(x), x)
    planted = PlantedBlock("contextaggregation", CHANNELS, CHANNELS, {}, "identity", seed=0)
    assert not torch.allclose(planted.block(x), x)
