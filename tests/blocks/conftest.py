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


#: Tests that take a second or more: of the examples beyond the defaults three in four are `slow` there.
HEAVY = {
    "test_compiles_whole",
    "test_exports_with_dynamic_sizes",
    "test_traces",
    "test_onnx_at_a_fixed_size",
    "test_onnx_runs_at_unseen_sizes",
    "test_equals_the_plain_form",
    "test_infers_on_fake_cuda",
    "test_trains_on_fake_cuda",
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for ``block`` over the whole catalog."""
    if "block" not in metafunc.fixturenames:
        return
    heavy = metafunc.function.__name__ in HEAVY
    cases = []
    for number, (name, settings) in enumerate(CASES):
        marks = [pytest.mark.slow] if heavy and settings and number % 4 else []
        label = name + "".join(f"-{key}={value}" for key, value in settings.items())
        cases.append(pytest.param((name, settings), marks=marks, id=label))
    metafunc.parametrize("block", cases)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Keep the suite polite on a shared machine, and reproducible."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)
