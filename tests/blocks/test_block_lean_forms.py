"""Forms that run only above some size, and there only: outputs and all gradients against the plain form."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from plain import plain
from torch.utils.flop_counter import FlopCounterMode

from surgeon.blocks import create


@pytest.mark.parametrize(
    ("name", "settings", "size"),
    [
        ("mlca", {}, (48, 50)),
        ("mlca", {"local_size": 3, "local_weight": 0.3}, (47, 61)),
        ("ema", {"factor": 2}, (1, 1300)),
        ("ema", {"factor": 4}, (53, 51)),
        ("doubleattention", {"c_m": 24, "c_n": 6}, (17, 20)),
        ("doubleattention", {"reconstruct": False, "c_n": 3}, (17, 20)),
    ],
    ids=str,
)
def test_large_maps(name: str, settings: dict[str, Any], size: tuple[int, int]) -> None:
    torch.manual_seed(1)
    module = create(name, 16, **settings).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    x = torch.randn(2, 16, *size, dtype=torch.float64, requires_grad=True)
    watched = [x, *module.parameters()]
    with FlopCounterMode(display=False) as written:
        wanted = plain(module, x)
    with FlopCounterMode(display=False) as run:
        got = module(x)
    assert run.get_total_flops() != written.get_total_flops(), "this is the form for small maps"
    direction = torch.randn_like(wanted)
    gradients = torch.autograd.grad(wanted, watched, direction)
    assert torch.allclose(got, wanted, rtol=1e-6, atol=1e-8)
    for mine, theirs in zip(torch.autograd.grad(got, watched, direction), gradients, strict=True):
        assert torch.allclose(mine, theirs, rtol=1e-5, atol=1e-7)
