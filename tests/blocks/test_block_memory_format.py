"""Every block takes ``memory_format=torch.channels_last``: Ultralytics' predictor and exporter convert the network."""

from __future__ import annotations

import pytest
import torch

from surgeon import blocks


@pytest.mark.parametrize("name", blocks.names())
def test_channels_last(name):
    torch.manual_seed(0)
    block = blocks.create(name, 32).eval()
    x = torch.randn(2, 32, 6, 10)
    with torch.no_grad():
        expected = block(x)
        got = block.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last))
    assert torch.allclose(got, expected, rtol=1e-4, atol=1e-5)
    # channels_last refuses five dimensions, and the Muon optimizer of Ultralytics 8.4.0 refuses three.
    assert all(p.dim() in (1, 2, 4) for p in block.parameters())
