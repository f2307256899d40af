"""Memory of one forward pass: the most bytes that it holds at once.

On the CPU every allocation and release is taken from PyTorch's own allocator events; resident set size is useless for
this (freed pages stay). On CUDA the caching allocator keeps the peak itself. What cannot be measured is None, with
the cause in `Memory.method`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from surgeon.profiler.results import Memory
from surgeon.profiler.timing.runner import Runner


def measure_memory(runner: Runner, device: str) -> Memory:
    """Peak activation memory of one warm forward pass, outputs included, input and parameters not.

    Args:
        runner: The deployed network with its images.
        device: Where it is.
    """
    where = torch.device(device)
    if where.type == "cuda":
        from surgeon.profiler.cuda_memory import measure_cuda_memory
        from surgeon.profiler.timing.cuda import sensor_of

        return measure_cuda_memory(runner, where, sensor_of(where), parameter_bytes=_parameter_bytes(runner.module))
    runner.run()  # caches of the first run (anchors, kernel plans) are no activation memory
    peak, method = _on_cpu(runner)
    return Memory(peak_activation_bytes=peak, method=method, parameter_bytes=_parameter_bytes(runner.module))


def peak_of(changes: Iterable[int]) -> int:
    """Highest running sum of allocations (positive) and releases (negative), in bytes."""
    alive = peak = 0
    for change in changes:
        alive += change
        peak = max(peak, alive)
    return peak


def _on_cpu(runner: Runner) -> tuple[int | None, str]:
    try:
        records = _allocation_records(runner)
    except (AttributeError, ImportError, RuntimeError, TypeError) as error:
        return None, f"not measured: this PyTorch does not report CPU allocations ({error})"
    if not records:
        return None, "not measured: PyTorch reported no CPU allocation"
    return peak_of(records), "PyTorch's CPU allocator events of one forward"


def _allocation_records(runner: Runner) -> list[int]:
    """Bytes of every allocation and release of one run, thread after thread.

    The event recorder of ``torch.autograd`` is used and not ``torch.profiler``: the latter costs seconds at its first
    use and writes to stderr, for the same events.
    """
    # torch has no types for these
    autograd: Any = torch.autograd
    config = autograd.ProfilerConfig(
        autograd.ProfilerState.CPU,
        False,  # shapes
        True,  # memory
        False,  # stacks
        False,  # flops
        False,  # modules
        torch._C._profiler._ExperimentalConfig(),
    )
    result = None
    autograd._enable_profiler_legacy(config)
    try:
        result = runner.run()
    finally:
        threads = autograd._disable_profiler_legacy()
    del result
    return [r.cpu_memory_usage() for records in threads for r in records if r.kind() == "memory_alloc"]


def _parameter_bytes(module: nn.Module) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in (*module.parameters(), *module.buffers()))
