"""OREPA beyond the catalog's tests: the one convolution that it fuses into, and what it takes over from another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from plain import plain
from torch import nn

from surgeon.blocks import create, from_reference
from surgeon.blocks.orepa import OREPA, OREPA1x1

FOLDER = Path(__file__).parents[1] / "golden" / "data" / "zoo"
FUSED = [case for case in json.loads((FOLDER / "manifest.json").read_text())["cases"] if "orepa" in case["case"]]
FUSED = [case for case in FUSED if "fused_keys" in case]


@pytest.mark.parametrize("case", FUSED, ids=lambda case: case["file"])
def test_fuses_into_the_recorded_convolution(case: dict[str, Any]) -> None:
    arrays = np.load(FOLDER / case["file"])
    state = {key[3:]: torch.from_numpy(arrays[key]) for key in arrays.files if key.startswith("sd/")}
    module = from_reference(case["case"], case["args"], state).eval()
    assert isinstance(module, OREPA | OREPA1x1)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with torch.no_grad():
        conv, again = module.fused(), module.fused()
        for got, twin, key in ((conv.weight, again.weight, "weight"), (conv.bias, again.bias, "bias")):
            assert got is not None and twin is not None and torch.equal(got, twin)
            assert np.allclose(got.numpy(), arrays[f"fused/{key}"], rtol=0, atol=1e-5)
        wanted = torch.from_numpy(arrays["output"])
        scale = max(1.0, float(wanted.abs().max()))
        assert (conv(torch.from_numpy(arrays["input"])) - wanted).abs().max() <= max(
            1e-5, case["suggested_atol"]
        ) * scale
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())


def test_three_recordings_hold_the_fused_form() -> None:
    assert len(FUSED) == 3


def shaken(module: nn.Module) -> nn.Module:
    """Parameters and running statistics off their initial values."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
        for layer in module.modules():
            if isinstance(layer, nn.BatchNorm2d) and layer.running_mean is not None and layer.running_var is not None:
                layer.running_mean.normal_(0, 0.3)
                layer.running_var.uniform_(0.5, 2)
    return module


SHAPES = [
    ("orepa", 12, 20, {}),
    ("orepa", 12, 8, {"kernel_size": 5, "stride": 2, "groups": 4, "activation": "silu"}),
    ("orepa", 10, 15, {"kernel_size": 7, "dilation": 2, "groups": 5, "activation": "relu"}),
    ("orepa", 3, 1, {"kernel_size": 1, "stride": 3}),
    ("orepa1x1", 12, 20, {"activation": "silu"}),
    ("orepa1x1", 20, 7, {"stride": 2}),
]


@pytest.mark.parametrize(("name", "c", "o", "given"), SHAPES, ids=str)
def test_other_shapes_are_the_formula_and_fuse(name: str, c: int, o: int, given: dict[str, Any]) -> None:
    module = shaken(create(name, c, o, **given)).double().eval()
    assert isinstance(module, OREPA | OREPA1x1)
    x = torch.randn(2, c, 9, 11, dtype=torch.float64)
    fused = module.fuse_block()
    with torch.no_grad():
        wanted = plain(module, x)
        assert torch.allclose(module(x), wanted, rtol=1e-8, atol=1e-10)
        assert torch.allclose(fused(x), wanted, rtol=1e-8, atol=1e-10)
    assert [type(layer) for layer in fused.modules() if not list(layer.children())][:1] == [nn.Conv2d]
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in fused.modules())
    assert module.definition_cost(9, 11).params == sum(parameter.numel() for parameter in module.parameters())


class ConvNormed(nn.Module):
    """What YOLO calls a Conv."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv
        self.bn = nn.BatchNorm2d(conv.out_channels, eps=1e-3, momentum=0.03)
        self.act = nn.SiLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.act(self.bn(self.conv(x)))


@pytest.mark.parametrize(("name", "c", "o", "given"), SHAPES, ids=str)
def test_takes_over_an_equal_convolution_exactly(name: str, c: int, o: int, given: dict[str, Any]) -> None:
    slides = {key: value for key, value in given.items() if key != "activation"}
    k, dilation = slides.pop("kernel_size", 1 if name == "orepa1x1" else 3), slides.get("dilation", 1)
    conv = nn.Conv2d(c, o, k, padding=dilation * (k // 2), bias=False, **slides)
    former = shaken(ConvNormed(conv)).eval()
    module = create(name, c, o, **{**given, "activation": "silu"}).eval()
    assert isinstance(module, OREPA | OREPA1x1)
    names = module.adopt(former)
    ours, theirs = module.state_dict(), former.state_dict()
    assert len(names) == 6 and set(names.values()) == set(theirs)
    assert all(torch.equal(ours[our], theirs[their]) for our, their in names.items())
    assert torch.equal(module.kernel(), conv.weight)
    x = torch.randn(2, c, 9, 11)
    with torch.no_grad():
        assert torch.equal(module(x), former(x))
        assert torch.equal(module.train()(x), former.train()(x))


def test_takes_over_a_bare_convolution_for_evaluation() -> None:
    former, module = nn.Conv2d(6, 9, 3, 2, 1), create("orepa", 6, 9, stride=2).eval()
    assert isinstance(module, OREPA)
    assert module.adopt(former) == {"weight_orepa_origin": "weight", "bn.bias": "bias"}
    x = torch.randn(1, 6, 8, 7)
    with torch.no_grad():
        assert torch.allclose(module(x), former(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "other",
    [
        nn.Conv2d(6, 9, 5, padding=2),
        nn.Conv2d(6, 9, 3, 2, padding=1),
        nn.Conv2d(6, 9, 3, padding=0),
        nn.Conv2d(6, 9, 3, padding=1, groups=3),
        nn.Conv2d(6, 9, 3, padding=2, dilation=2),
        nn.Conv2d(6, 9, 3, padding=1, padding_mode="reflect"),
        nn.ConvTranspose2d(6, 9, 3),
        nn.Sequential(nn.Conv2d(6, 9, 3, padding=1)),
    ],
    ids=str,
)
def test_takes_nothing_of_another_convolution(other: nn.Module) -> None:
    module = create("orepa", 6, 9)
    assert isinstance(module, OREPA)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    assert module.adopt(other) == {}
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())


def test_the_prior_of_large_kernels_is_defined() -> None:
    tables = [create("orepa", 8, kernel_size=5).get_buffer("weight_orepa_prior") for _ in range(2)]
    assert torch.equal(*tables) and float(tables[0].abs().max()) <= 1
    rows = tables[0].view(8, 5, 5)
    assert torch.equal(rows[:4, :, 0], rows[:4, :, 4]) and torch.equal(rows[4:, 0], rows[4:, 4])
