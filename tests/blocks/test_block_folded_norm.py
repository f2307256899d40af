"""The normalisation in a convolution's weights, in inference on a CPU: the same numbers, where nobody looks."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from surgeon.blocks import create


def _with_statistics(name: str, channels: int, **settings: Any) -> nn.Module:
    torch.manual_seed(0)
    module = create(name, channels, **settings).eval()
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            assert norm.running_mean is not None and norm.running_var is not None
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.3, 2)
            nn.init.normal_(norm.weight)
            nn.init.normal_(norm.bias)
    return module


def _norms_run(module: nn.Module, x: Tensor) -> int:
    with torch.no_grad(), profile(activities=[ProfilerActivity.CPU]) as run:
        module(x)
    return sum(event.count for event in run.key_averages() if event.key == "aten::native_batch_norm")


@pytest.mark.parametrize(
    ("name", "channels", "settings", "size", "left"),
    [
        ("mbconv", 16, {}, (2, 96, 100), 0),
        ("mbconv", 16, {"stride": 2, "activation": "relu6", "se": False}, (2, 96, 100), 1),  # a small map at the end
        ("mbconv", 64, {}, (1, 40, 40), 1),
        ("mbconv", 64, {}, (1, 20, 20), 3),
        ("simsppf", 32, {}, (2, 96, 100), 0),
        ("caa", 32, {}, (2, 96, 100), 0),
    ],
    ids=str,
)
def test_folded(name: str, channels: int, settings: dict[str, Any], size: tuple[int, int, int], left: int) -> None:
    module = _with_statistics(name, channels, **settings)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    x = torch.randn(size[0], channels, *size[1:])
    given = x.clone()
    wanted = module(x)  # gradients are on: layer by layer
    with torch.no_grad():
        got = module(x)
    scale = wanted.detach().abs().max()
    assert torch.allclose(got / scale, wanted / scale, rtol=0, atol=2e-6)
    assert torch.equal(x, given)
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert _norms_run(module, x) == left


def test_a_hook_sees_what_its_layer_puts_out() -> None:
    module = _with_statistics("mbconv", 16)
    x = torch.randn(1, 16, 130, 130)
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Conv2d | nn.BatchNorm2d)]
    wanted: dict[int, Tensor] = {}
    got: dict[int, Tensor] = {}
    for seen in (wanted, got):
        handles = [
            layer.register_forward_hook(lambda _, __, y, i=i, seen=seen: seen.setdefault(i, y))
            for i, layer in enumerate(layers)
        ]
        with torch.set_grad_enabled(seen is wanted):
            module(x)
        for handle in handles:
            handle.remove()
    assert len(wanted) == len(layers) == 8
    for i, y in wanted.items():
        assert torch.allclose(got[i], y, rtol=1e-5, atol=1e-5), layers[i]
