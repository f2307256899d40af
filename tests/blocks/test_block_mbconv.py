"""MBConv beyond the catalog's tests: the branch of a detection head, and widths and strides of its own choice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from plain import plain
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from surgeon.blocks import create
from surgeon.blocks.mbconv import MBConv, MBConvBranch

FOLDER = Path(__file__).parents[1] / "golden" / "data" / "zoo"
MANIFEST = json.loads((FOLDER / "manifest.json").read_text())["cases"]
BRANCHES = [case for case in MANIFEST if case["case"] == "mbconv.branch"]


@pytest.mark.parametrize("case", BRANCHES, ids=lambda case: case["file"])
def test_branch_reproduces(case: dict[str, Any]) -> None:
    arrays, given = np.load(FOLDER / case["file"]), case["args"]
    branch = MBConvBranch(given["cin"], given["out"], hidden=given["hidden"], expand_ratio=given["expand_ratio"])
    branch.load_state_dict({key[3:]: torch.from_numpy(arrays[key]) for key in arrays.files if key.startswith("sd/")})
    branch.train(case["training"])
    assert sum(parameter.numel() for parameter in branch.parameters()) == case["n_params"]
    x = torch.from_numpy(arrays["input"]).requires_grad_()
    y = branch(x)
    y.backward(torch.from_numpy(arrays["grad_output"]))
    pairs = [(y.detach(), "output", case["suggested_atol"]), (x.grad, "grad_input", case["suggested_atol"])]
    pairs += [(parameter.grad, f"pg/{name}", 1e-4) for name, parameter in branch.named_parameters()]
    for got, key, tolerance in pairs:
        wanted = torch.from_numpy(arrays[key])
        assert got is not None
        assert (got - wanted).abs().max() <= tolerance * max(1.0, float(wanted.abs().max())), key


def test_the_recording_is_there() -> None:
    assert len(BRANCHES) == 1


def test_branch_ends_in_a_biased_convolution() -> None:
    branch = MBConvBranch(24, 64, hidden=32)
    last = branch[-1]
    assert isinstance(last, nn.Conv2d) and last.bias is not None and last.kernel_size == (1, 1)
    assert branch(torch.randn(1, 24, 5, 3)).shape == (1, 64, 5, 3)


@pytest.mark.parametrize(
    ("c", "o", "given"),
    [
        (12, 20, {}),
        (12, 12, {"expand_ratio": 1}),
        (16, 16, {"expand_ratio": 1}),
        (3, 7, {"expand_ratio": 2.5, "stride": 3, "kernel_size": 7}),
        (17, 17, {"expand_ratio": 0.5, "se": False, "activation": "relu"}),
    ],
    ids=str,
)
def test_other_widths_and_strides(c: int, o: int, given: dict[str, Any]) -> None:
    module = create("mbconv", c, o, **given).double().eval()
    assert isinstance(module, MBConv)
    x = torch.randn(2, c, 9, 11, dtype=torch.float64)
    with torch.no_grad():
        assert torch.allclose(module(x), plain(module, x), rtol=1e-8, atol=1e-10)
        with FlopCounterMode(display=False) as counter:
            plain(module, x[:1])
    cost = module.definition_cost(9, 11)
    assert cost.macs * 2 == counter.get_total_flops()
    assert cost.params == sum(parameter.numel() for parameter in module.parameters())


def test_the_skip_needs_equal_shapes() -> None:
    x = torch.randn(1, 16, 8, 8)
    for settings, out, skips in (({}, 16, True), ({"stride": 2}, 16, False), ({}, 24, False)):
        module = create("mbconv", 16, out, **settings).eval()
        assert isinstance(module, MBConv)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.zero_()
            assert torch.equal(module(x), x) if skips else not module(x).any()


def test_a_stage_in_the_place_of_ours_gets_what_it_may_keep() -> None:
    torch.manual_seed(0)
    module = create("mbconv", 16, expand_ratio=1).eval()
    module.block[0] = nn.Identity()  # what it puts out is the block's own input
    x = torch.randn(1, 16, 20, 20)
    given = x.clone()
    wanted = module(x)
    with torch.no_grad():
        assert torch.allclose(module(x), wanted, atol=1e-6)
    assert torch.equal(x, given)
