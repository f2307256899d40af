"""Fixtures for the blocks: one thread, a fixed seed, and every block of the catalog with its variants."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from surgeon.blocks import names

sys.path.insert(0, str(Path(__file__).parent))  # for plain.py: pytest's importlib mode leaves test folders out

#: Settings beyond the defaults; every catalog name is tested with its defaults whether or not it stands here.
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "mhsa": [{"position": False}, {"variant": "paper", "table": (5, 9)}],
    "gam": [{"variant": "sigmoid"}, {"variant": "grouped"}],
    "fla": [
        {"normaliser": "mean", "position": (6, 7)},
        {"sr_ratio": 2, "position": (3, 4), "normaliser": "mean", "qkv_bias": False},
        {"project": False, "lepe": True, "focusing_factor": 4},
    ],
    "lska": [{"k_size": 53}, {"variant": "attention", "k_size": 11}],
    "acmix": [{"kernel_att": 5, "head": 2, "dilation": 2}],
}

CASES = [(name, settings) for name in names() for settings in ({}, *VARIANTS.get(name, []))]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for ``block`` over the whole catalog."""
    if "block" in metafunc.fixturenames:
        ids = [name + "".join(f"-{key}={value}" for key, value in settings.items()) for name, settings in CASES]
        metafunc.parametrize("block", CASES, ids=ids)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Keep the suite polite on a shared machine, and reproducible."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)
