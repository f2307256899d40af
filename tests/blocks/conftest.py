"""Fixtures for the blocks: one thread, a fixed seed, and every block of the catalog with its examples."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from surgeon.blocks import all_blocks

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))  # for the plain forms

CASES = [(info.name, dict(settings)) for info in all_blocks() for settings in ({}, *info.examples)]


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
