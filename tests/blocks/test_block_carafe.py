"""CARAFE's operator alone, against the recordings of mmcv's CUDA kernel and of the naive loop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from surgeon.blocks.carafe import carafe

FOLDER = Path(__file__).parents[1] / "golden" / "data" / "zoo"
OPERATOR = [case for case in json.loads((FOLDER / "manifest.json").read_text())["cases"] if case["case"] == "carafe.op"]


@pytest.mark.parametrize("case", OPERATOR, ids=lambda case: case["file"])
def test_operator_reproduces(case: dict[str, Any]) -> None:
    arrays = np.load(FOLDER / case["file"])
    x, masks = (torch.from_numpy(arrays[key]).requires_grad_() for key in ("input", "sd/masks"))
    arguments = case["args"]
    y = carafe(
        x,
        masks,
        kernel_size=arguments["kernel_size"],
        group_size=arguments["group_size"],
        scale=arguments["scale_factor"],
    )
    y.backward(torch.from_numpy(arrays["grad_output"]))
    for got, wanted in ((y.detach(), "output"), (x.grad, "grad_input"), (masks.grad, "pg/masks")):
        expected = torch.from_numpy(arrays[wanted])
        assert got is not None and got.shape == expected.shape
        assert (got - expected).abs().max() <= case["suggested_atol"] * max(1.0, float(expected.abs().max())), wanted


def test_both_recordings_are_there() -> None:
    assert len(OPERATOR) == 2


@pytest.mark.parametrize("scale", [1, 2, 3])
@pytest.mark.parametrize("size", [(1, 1), (2, 5)], ids=str)
def test_operator_is_the_sum_that_it_says(scale: int, size: tuple[int, int]) -> None:
    (h, w), k, groups, reach = size, 3, 2, 1
    x = torch.randn(1, 4, h, w, dtype=torch.float64)
    masks = torch.randn(1, k * k * groups, scale * h, scale * w, dtype=torch.float64)
    wanted = torch.zeros(1, 4, scale * h, scale * w, dtype=torch.float64)
    for c, row, column, tap in np.ndindex(4, scale * h, scale * w, k * k):
        i, j = row // scale + tap // k - reach, column // scale + tap % k - reach
        if 0 <= i < h and 0 <= j < w:
            wanted[0, c, row, column] += x[0, c, i, j] * masks[0, (c // 2) * k * k + tap, row, column]
    assert torch.allclose(carafe(x, masks, kernel_size=k, group_size=groups, scale=scale), wanted)
