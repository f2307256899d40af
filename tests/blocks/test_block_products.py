"""Matrix products by oneDNN: FLA's projections at inference, where they are large enough."""

from __future__ import annotations

import pytest
import torch
from plain import plain
from torch.profiler import ProfilerActivity, profile

from surgeon.blocks import create
from surgeon.blocks.products import faster, product


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(("channels", "side", "by_onednn"), [(256, 20, True), (64, 20, False)])
def test_fla_by_either_library(channels: int, side: int, by_onednn: bool, batch: int) -> None:
    torch.manual_seed(0)
    module = create("fla", channels).eval()
    x = torch.randn(batch, channels, side, side)
    with torch.no_grad():
        wanted = plain(module, x)
        with profile(activities=[ProfilerActivity.CPU]) as run:
            got = module(x)
        with torch.backends.mkldnn.flags(enabled=False):
            without = module(x)
    assert torch.allclose(got, wanted, rtol=1e-4, atol=1e-5)
    assert torch.allclose(without, wanted, rtol=1e-4, atol=1e-5)
    used = any("_linear_pointwise" in event.key for event in run.key_averages())
    available = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    assert used == (by_onednn and available)


@pytest.mark.parametrize("turned", [False, True])
def test_product(turned: bool) -> None:
    left, right = torch.randn(301, 290), torch.randn(290, 401)
    if turned:
        right = right.t().contiguous().t()
    assert faster(left, right) == torch.backends.mkldnn.is_available()
    got = product(left, right) if faster(left, right) else left @ right
    assert torch.allclose(got.double(), left.double() @ right.double(), rtol=1e-4, atol=1e-4)
    assert not faster(left.double(), right.double())
    assert not faster(left[:9], right)
    assert not faster(left.t().contiguous().t(), right)
