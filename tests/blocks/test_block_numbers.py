"""Numbers and costs against the plain transcription, at sizes that nobody chose by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import plain
from torch.utils.flop_counter import FlopCounterMode

from surgeon.blocks import catalog, create
from surgeon.blocks.acmix import ACmix
from surgeon.blocks.common import resampling
from surgeon.blocks.mhsa import MHSA, SMALL_MAP

Case = tuple[str, dict[str, Any]]


def build(block: Case, channels: int, out_channels: int | None = None) -> Any:
    """Build a block with all parameters random, in double precision."""
    torch.manual_seed(channels)
    module = create(block[0], channels, out_channels, **block[1]).double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return module


@settings(deadline=None, derandomize=True, max_examples=8)
@given(
    size=st.tuples(st.integers(1, 17), st.integers(1, 17)),
    batch=st.integers(1, 3),
    channels=st.sampled_from([8, 24]),
)
def test_equals_the_plain_form(block: Case, size: tuple[int, int], batch: int, channels: int) -> None:
    if block[0] == "acmix" and (min(size) <= 4) != (max(size) <= 4):
        size = (max(size), max(size))  # the plain form cannot reflect one side and clamp the other
    module = build(block, channels)
    x = torch.randn(batch, channels, *size, dtype=torch.float64, requires_grad=True)
    wanted = plain(module, x)
    direction = torch.randn_like(wanted)
    (gradient,) = torch.autograd.grad(wanted, x, direction)
    got = module(x)
    (got_gradient,) = torch.autograd.grad(got, x, direction)
    assert torch.allclose(got, wanted, rtol=1e-6, atol=1e-8)
    assert torch.allclose(got_gradient, gradient, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("channels", "size"), [(16, (12, 9)), (32, (5, 20)), (48, (16, 16))])
def test_costs_are_those_of_the_definition(block: Case, channels: int, size: tuple[int, int]) -> None:
    module = build(block, channels)
    cost = module.definition_cost(*size)
    assert cost.params == sum(parameter.numel() for parameter in module.parameters())
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        plain(module, torch.randn(1, channels, *size, dtype=torch.float64))
    assert cost.macs * 2 == counter.get_total_flops()
    assert catalog.get(block[0]).cost(channels, channels, *size, block[1]) == cost
    if cost.executed is not None:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            module(torch.randn(1, channels, *size, dtype=torch.float64))
        assert cost.executed * 2 == counter.get_total_flops() < cost.macs * 2


@pytest.mark.parametrize(
    "other",
    [
        ("gam", {}),
        ("gam", {"variant": "grouped", "rate": 2}),
        ("acmix", {}),
        ("conv1x1", {}),
        ("acmix", {"stride": 2, "kernel_conv": 5, "head": 2}),
        ("acmix", {"stride": 3, "dilation": 2, "kernel_att": 3}),
    ],
    ids=str,
)
def test_other_widths_and_strides(other: Case) -> None:
    module = build(other, 12, 20)
    x = torch.randn(2, 12, 9, 11, dtype=torch.float64)
    with torch.no_grad():
        wanted = plain(module, x)
        assert torch.allclose(module(x), wanted, rtol=1e-6, atol=1e-8)
        with FlopCounterMode(display=False) as counter:
            plain(module, x[:1])
    cost = module.definition_cost(9, 11)
    assert cost.macs * 2 == counter.get_total_flops()
    assert cost.params == sum(parameter.numel() for parameter in module.parameters())


def test_acmix_clamps_each_short_side_alone() -> None:
    module = build(("acmix", {}), 8)
    assert isinstance(module, ACmix)
    image = torch.randn(1, 8, 2, 9, dtype=torch.float64)
    with torch.no_grad():
        assert torch.allclose(module(image), plain_short(module, image), rtol=1e-6, atol=1e-8)


def plain_short(module: ACmix, x: torch.Tensor) -> torch.Tensor:
    """Pad the short side by hand and read the middle rows; positions and the convolution come from the real map."""
    whole = plain(module, x)  # replicates both sides; only the convolution path of it is used
    rate1 = module.rate1.data.clone()
    module.rate1.data.zero_()
    convolution = plain(module, x)
    module.rate1.data.copy_(rate1)
    assert whole.shape == convolution.shape
    b, _, h, w = x.shape
    head, d = module.head, module.head_dim
    q, k, v = (getattr(module, name)(x).view(b, head, d, h, w) for name in ("conv1", "conv2", "conv3"))
    across, down = (torch.linspace(-1, 1, n, dtype=x.dtype) for n in (w, h))
    pe = module.conv_p(torch.stack([across.expand(h, w), down[:, None].expand(h, w)])[None])[0]
    out = torch.zeros_like(v)
    for i in range(h):
        for j in range(w):
            spots = []
            for dy in range(-3, 4):
                for dx in range(-3, 4):
                    column = abs(j + dx)
                    column = 2 * (w - 1) - column if column >= w else column
                    spots.append((min(max(i + dy, 0), h - 1), column))
            rows, columns = (torch.tensor(side) for side in zip(*spots, strict=True))
            keys = k[:, :, :, rows, columns] + pe[:, i, j][None, None, :, None] - pe[:, rows, columns]
            weights = torch.einsum("bhd,bhdn->bhn", q[..., i, j] * d**-0.5, keys).softmax(-1)
            out[..., i, j] = torch.einsum("bhn,bhdn->bhd", weights, v[:, :, :, rows, columns])
    return module.rate1 * out.reshape(b, head * d, h, w) + convolution


@pytest.mark.parametrize("length", [1, 2, 7, 14])
def test_resampling_to_the_same_length_is_exact(length: int) -> None:
    assert torch.equal(resampling(length, length, torch.empty(0)), torch.eye(length))


@pytest.mark.parametrize("settings", [{}, {"variant": "paper"}, {"position": False}], ids=str)
def test_mhsa_large_maps_take_the_fused_kernel(settings: dict[str, Any]) -> None:
    module = build(("mhsa", settings), 8)
    assert isinstance(module, MHSA)
    x = torch.randn(1, 8, 24, 25, dtype=torch.float64)
    assert x.shape[2] * x.shape[3] > SMALL_MAP
    with torch.no_grad():
        assert torch.allclose(module(x), plain(module, x), rtol=1e-6, atol=1e-8)
