"""The published classes' recorded outputs, gradients and buffers.

The cases are read from the manifest, so another folder with other shapes and arguments runs the same tests:
``SURGEON_GOLDENS=/path/to/folder``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from surgeon.blocks import from_reference
from surgeon.blocks.reference import cases, reference_tensors
from surgeon.errors import BlockError

FOLDER = Path(os.environ.get("SURGEON_GOLDENS") or Path(__file__).parents[1] / "golden" / "data")


def recorded() -> list[dict[str, Any]]:
    """The cases of the folder, and of its ``zoo`` where it has one, each with the folder that it lies in."""
    folders = [folder for folder in (FOLDER, FOLDER / "zoo") if (folder / "manifest.json").exists()]
    return [
        {**case, "folder": folder}
        for folder in folders
        for case in json.loads((folder / "manifest.json").read_text())["cases"]
    ]


RECORDED = [case for case in recorded() if case["case"] in cases()]


def tensors(arrays: Any, prefix: str) -> dict[str, Tensor]:
    """The arrays under one prefix, as tensors."""
    return {key.removeprefix(prefix): torch.from_numpy(arrays[key]) for key in arrays.files if key.startswith(prefix)}


def distance(got: Tensor, wanted: Tensor, at_least: float = 1.0) -> float:
    """Largest deviation, relative to the largest value."""
    return float((got.detach().double() - wanted.double()).abs().max()) / max(at_least, float(wanted.abs().max()))


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case["file"].removesuffix(".npz"))
def test_reproduces(case: dict[str, Any]) -> None:
    arrays = np.load(case["folder"] / case["file"])
    size, tolerance = tuple(case["input_shape"][2:]), case["suggested_atol"]
    # Sums over all pixels carry more rounding; the recordings of the zoo say how much, or follow the file's 1e-4.
    sums = case.get("suggested_grad_atol", 1e-4 if case["folder"].name == "zoo" else tolerance)
    state = tensors(arrays, "sd/")
    channels = case["input_shape"][1]
    module = from_reference(case["case"], case["args"], state, size=size, channels=channels).train(case["training"])
    kept = reference_tensors(case["case"], state, size=size)
    dropped = sum(t.numel() for t in state.values()) - sum(t.numel() for t in kept.values())  # unread table rows
    parameters = sum(parameter.numel() for parameter in module.parameters())
    assert parameters == case["n_params"] - dropped == module.definition_cost(*size).params

    x = torch.from_numpy(arrays["input"]).requires_grad_()
    y = module(x)
    y.backward(torch.from_numpy(arrays["grad_output"]))
    assert x.grad is not None
    assert distance(y, torch.from_numpy(arrays["output"])) <= tolerance
    assert distance(x.grad, torch.from_numpy(arrays["grad_input"])) <= max(
        tolerance, case.get("suggested_grad_atol", 0.0)
    )

    wanted = reference_tensors(case["case"], tensors(arrays, "pg/"), size=size)
    learned = dict(module.named_parameters())
    unused = reference_tensors(case["case"], {name: state[name] for name in case["unused_parameters"]}, size=size)
    assert set(wanted) == set(learned) - set(unused)
    for name, gradient in wanted.items():
        got = learned[name].grad
        assert got is not None, name
        # A bias that cancels (a key's in a softmax) has gradient 0 in theory, and recorded is the rounding of sums as
        # large as its layer's weight gradient: that is its yardstick.
        layer = wanted.get(name.replace(".bias", ".weight"), gradient)
        assert distance(got, gradient, max(1.0, float(layer.abs().max()))) <= sums, name

    buffers = dict(module.named_buffers())
    for name, value in reference_tensors(case["case"], tensors(arrays, "after/"), size=size).items():
        assert distance(buffers[name], value) <= tolerance, name


def test_refuses_unknown_cases_and_arguments() -> None:
    with pytest.raises(BlockError, match=r"gam\.dengbuqi"):
        from_reference("gam.dengbuki", {})
    with pytest.raises(BlockError, match="heads"):
        from_reference("mhsa.leaderj1001", {"n_dims": 32, "head": 4})
    with pytest.raises(BlockError, match="do not fit"):
        from_reference("lska.official", {"dim": 8, "k_size": 7}, {"conv1.weight": torch.zeros(1)})
