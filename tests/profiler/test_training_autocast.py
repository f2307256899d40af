"""Autocast on tensors of any device casts what it casts on CUDA, and nothing after it has ended."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from surgeon.blocks.common import no_autocast
from surgeon.profiler.training.autocast import autocast_as_cuda


@pytest.mark.parametrize(
    ("operator", "dtype"),
    [
        (lambda x: nn.functional.conv2d(x, x.new_ones(4, 4, 1, 1)), torch.float16),
        (lambda x: x @ x, torch.float16),
        (lambda x: nn.functional.linear(x, x.new_ones(3, 4)), torch.float16),
        (lambda x: nn.functional.silu(x.half()), torch.float16),
        (lambda x: x.half().softmax(-1), torch.float32),
        (lambda x: x.half().sum(), torch.float32),
        (lambda x: x.half().exp(), torch.float32),
        (lambda x: nn.functional.layer_norm(x.half(), (4,)), torch.float32),
        (lambda x: nn.functional.interpolate(x.half(), scale_factor=2), torch.float32),
        (lambda x: torch.cat([x, x.half()]), torch.float32),
        (lambda x: x.double() @ x.double(), torch.float64),
        (lambda x: nn.functional.batch_norm(x.half(), x.new_zeros(4), x.new_ones(4), training=True), torch.float16),
    ],
)
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_autocast_casts_as_on_cuda(operator: Callable[[Tensor], Tensor], dtype: torch.dtype, device: str) -> None:
    x = torch.ones(1, 4, 4, 4, device=device)
    without = operator(x).dtype
    with autocast_as_cuda(torch.float16):
        assert operator(x).dtype == dtype
    assert operator(x).dtype == without


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_a_region_without_autocast_is_left_alone(device: str) -> None:
    x, weight = torch.ones(4, 4, device=device), torch.ones(4, 4, device=device, requires_grad=True)
    before = torch.is_autocast_enabled("cuda"), torch.get_autocast_dtype("cuda")
    with autocast_as_cuda(torch.bfloat16):
        for region in (no_autocast(x), torch.autocast("cuda", enabled=False)):
            with region:
                assert (x @ weight).dtype == torch.float32
                assert x.half().exp().dtype == torch.float16
            assert (x @ weight).dtype == torch.bfloat16
    assert (torch.is_autocast_enabled("cuda"), torch.get_autocast_dtype("cuda")) == before
    with autocast_as_cuda(None):
        assert not torch.is_autocast_enabled("cuda")


def test_attention_inside_a_composite_is_cast() -> None:
    attention = nn.MultiheadAttention(8, 2).to("meta")
    x = torch.empty(5, 2, 8, device="meta")
    with autocast_as_cuda(torch.bfloat16):
        out = attention(x, x, x)[0]
    assert out.dtype == torch.bfloat16
    out.sum().backward()
    assert attention.in_proj_weight.grad is not None
    assert attention.in_proj_weight.grad.dtype == torch.float32
