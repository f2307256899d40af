"""Autocast on tensors of any device casts what it casts on CUDA, and nothing after it has ended."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from fake_cuda import autocast, fake_cuda, to_cuda
from torch import Tensor, nn
from training_memory_support import saved_bytes

from surgeon.blocks.common import no_autocast
from surgeon.blocks.planted import PlantedBlock
from surgeon.profiler.training.autocast import autocast_as_cuda
from surgeon.profiler.training.step import step_memory


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


@pytest.mark.parametrize("name", ["cbam", "hat", "irmb", "orepa"])
def test_blocks_keep_what_they_keep_under_cudas_own_autocast(name: str) -> None:
    """Which tensors PyTorch saves of a block on CUDA, asked of its fake tensors: they know types and no kernels."""
    model = nn.Sequential(nn.Conv2d(3, 16, 1), PlantedBlock(name, 16, 16, {}, "paper", seed=0)).train()
    found = step_memory(model, (16, 16), 2, loss=None, amp=torch.float16)
    with fake_cuda():
        images = torch.empty(2, 3, 16, 16, device="cuda")
        with autocast():
            kept = saved_bytes(to_cuda(model), images, and_output=True)
    assert found.kept_bytes == kept


def test_attention_inside_a_composite_is_cast() -> None:
    attention = nn.MultiheadAttention(8, 2).to("meta")
    x = torch.empty(5, 2, 8, device="meta")
    with autocast_as_cuda(torch.bfloat16):
        out = attention(x, x, x)[0]
    assert out.dtype == torch.bfloat16
    out.sum().backward()
    assert attention.in_proj_weight.grad is not None
    assert attention.in_proj_weight.grad.dtype == torch.float32
