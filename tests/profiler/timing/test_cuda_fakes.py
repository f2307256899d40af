"""The fakes against the libraries that they stand for: same names, and the same arguments are accepted."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
import torch
from fake_gpu import Card, Event, Nvml

from surgeon.profiler.timing import nvml as product

CALLS = {
    "synchronize": ("cuda:0",),
    "current_stream": ("cuda:0",),
    "device": ("cuda:0",),
    "stream": (None,),
    "Stream": (),
    "CUDAGraph": (),
    "graph": ("a graph",),
    "empty_cache": (),
    "reset_peak_memory_stats": ("cuda:0",),
    "memory_allocated": ("cuda:0",),
    "max_memory_allocated": ("cuda:0",),
    "max_memory_reserved": ("cuda:0",),
}


@pytest.mark.parametrize("name", CALLS)
def test_torch_cuda_has_it_and_takes_the_same(name: str) -> None:
    inspect.signature(getattr(Card(), name)).bind(*CALLS[name])
    real = getattr(torch.cuda, name)
    try:
        signature = inspect.signature(real)
    except ValueError:  # a class of C++ tells no signature
        assert inspect.isclass(real)
        return
    signature.bind(*CALLS[name])


def test_events_and_graphs_have_the_methods_that_are_used() -> None:
    assert inspect.signature(torch.cuda.Event.__new__).bind(torch.cuda.Event, enable_timing=True)
    for name in ("record", "elapsed_time"):
        assert hasattr(Event, name)
        assert hasattr(torch.cuda.Event, name)
    assert hasattr(torch.cuda.CUDAGraph, "replay")
    assert hasattr(torch.cuda.Stream, "wait_stream")


def test_pynvml_has_every_getter_that_is_asked() -> None:
    pynvml = pytest.importorskip("pynvml")
    asked = set(re.findall(r"\bnvml[A-Z]\w*", Path(product.__file__).read_text()))
    assert "nvmlDeviceGetTotalEnergyConsumption" in asked
    for name in asked:
        arguments = len(inspect.signature(getattr(pynvml, name)).parameters)
        fake = getattr(Nvml, f"_{name.removeprefix('nvml')}")
        assert len(inspect.signature(fake).parameters) - 1 in (arguments, arguments - 1), name  # beside self
    assert pynvml.NVML_CLOCK_SM == Nvml.NVML_CLOCK_SM
    words = {"SwPowerCap": 0x04, "HwSlowdown": 0x08, "SwThermalSlowdown": 0x20, "HwThermalSlowdown": 0x40}
    for word, bit in {**words, "HwPowerBrakeSlowdown": 0x80, "GpuIdle": 0x01}.items():
        assert getattr(pynvml, f"nvmlClocksThrottleReason{word}") == bit
    assert set(product._CAUSES) | {product._IDLE} == {*words.values(), 0x80, 0x01}
