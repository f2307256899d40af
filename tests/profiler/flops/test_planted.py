"""Planted blocks count by their definition, and what they run is counted to the last operator."""

from __future__ import annotations

import pytest
from profiler_support import chain_graph
from torch import nn

from surgeon import blocks
from surgeon.blocks.planted import PlantedBlock
from surgeon.profiler.flops.count import count


@pytest.mark.parametrize("name", blocks.names())
@pytest.mark.parametrize("size", [(16, 16), (10, 14)])
def test_planted_block_counts_as_its_definition(name: str, size: tuple[int, int]) -> None:
    planted = PlantedBlock(name, 64, 64, {}, "paper")
    model = nn.Sequential(nn.Conv2d(3, 64, 1), planted)
    cost = planted.block.definition_cost(*size)
    found = count(model, chain_graph(model), size, batch=2)
    row = found.rows["1"]
    assert row.macs == 2 * cost.macs
    assert row.elementwise_macs == {k: 2 * v for k, v in cost.elementwise_macs.items()}
    assert (row.executed > 0) == (cost.macs > 0)  # some are elementwise work alone
    assert found.counts.uncounted == ()
