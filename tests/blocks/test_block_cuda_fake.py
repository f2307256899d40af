"""Every block on CUDA, as far as that shows without a GPU: devices, shapes, types, and that nothing is read back.

``test_block_cuda.py`` runs the kernels where there is a GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import pytest
import torch
from fake_cuda import TYPE, autocast, fake_cuda, gradients, to_cuda
from torch import Tensor, nn

from surgeon.blocks import catalog, create

CHANNELS = 16
SIZES = [(1, 1), (5, 9), (1, 250), (48, 50)]
"""Small maps and large ones: attention, pooled branches and transposed forms choose by size."""
TRAINED = [(5, 9), (48, 50)]
KINDS = {"float32": torch.float32, "float16": torch.float16, "autocast": torch.float32}
long = partial(pytest.param, marks=pytest.mark.slow)
Case = tuple[str, dict[str, Any]]


def shape_of_output(block: Case, size: tuple[int, int]) -> tuple[int, ...]:
    """Shape of the output for two images."""
    info = catalog.get(block[0])
    return (2, CHANNELS, *info.output_size(*size, info.resolve(CHANNELS, CHANNELS, block[1]).settings))


@pytest.mark.parametrize("kind", [long("float32"), "float16", "autocast"])
def test_infers_on_fake_cuda(block: Case, kind: str) -> None:
    module = create(block[0], CHANNELS, **block[1]).eval()
    with fake_cuda() as host, torch.no_grad(), autocast() if kind == "autocast" else nullcontext():
        to_cuda(module, KINDS[kind])
        for size in SIZES:
            y = module(torch.empty(2, CHANNELS, *size, device="cuda", dtype=KINDS[kind]))
            assert y.device.type == "cuda" and y.shape == shape_of_output(block, size)
            assert y.dtype in ({torch.float32, TYPE} if kind == "autocast" else {KINDS[kind]})
    assert not host.operators


@pytest.mark.parametrize("kind", [long("float32"), long("float16"), "autocast"])
def test_trains_on_fake_cuda(block: Case, kind: str) -> None:
    unused = catalog.get(block[0]).zero_gradients
    module = create(block[0], CHANNELS, **block[1]).train()
    with fake_cuda() as host:
        to_cuda(module, KINDS[kind])
        for size in TRAINED:
            x = torch.empty(2, CHANNELS, *size, device="cuda", dtype=KINDS[kind], requires_grad=True)
            with autocast() if kind == "autocast" else nullcontext():
                y = module(x)
            assert y.shape == shape_of_output(block, size)
            found = gradients(y.float().mean())
            for name, leaf in (("input", x), *module.named_parameters()):
                if leaf in found:
                    gradient = found[leaf]
                    assert (gradient.shape, gradient.dtype) == (leaf.shape, leaf.dtype) and gradient.is_cuda, name
                else:
                    assert name in unused, f"{name} has no gradient"
    assert not host.operators


def table_on_the_host(x: Tensor) -> Tensor:
    return x * torch.linspace(0, 1, x.shape[3])


def number_on_the_host(x: Tensor) -> Tensor:
    return x * torch.ones(())


def value_read_back(x: Tensor) -> Tensor:
    return x / float(x.max())


def size_that_depends_on_values(x: Tensor) -> Tensor:
    return x[x > 0].sum() + x


@pytest.mark.parametrize(
    "mistake", [table_on_the_host, number_on_the_host, value_read_back, size_that_depends_on_values]
)
def test_mistakes_show(mistake: Callable[[Tensor], Tensor]) -> None:
    with fake_cuda() as host:
        x = torch.empty(1, 2, 3, 4, device="cuda")
        try:
            mistake(x)
        except Exception as error:
            assert "device" in str(error) or type(error).__name__.startswith(("DataDependent", "DynamicOutput"))
            return
    assert host.operators


def test_gradients_are_those_of_the_engine() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.GELU())
    x = torch.randn(2, 3, 6, 7, requires_grad=True)
    first, second = module(x).chunk(2, 1)
    loss = (first.max(2).values * second.mean(2)).sum() + x.square().sum()
    leaves = [x, *module.parameters()]
    wanted = torch.autograd.grad(loss, leaves, retain_graph=True)
    found = gradients(loss)
    assert all(torch.allclose(found[leaf], gradient) for leaf, gradient in zip(leaves, wanted, strict=True))
