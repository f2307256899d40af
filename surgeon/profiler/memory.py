"""Memory of one forward pass: the most bytes that it holds at once.

On the CPU every allocation and release is taken from PyTorch's own allocator events; resident set size is useless for
this (freed pages stay). On CUDA the caching allocator keeps the peak itself. What cannot be measured is None, with
the cause in `Memory.method`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import nn

from surgeon.profiler.results import Memory
from surgeon.profiler.timing.runner import Runner

_PRODUCTS = frozenset(
    {f"aten::{name}" for name in ("convolution", "_convolution", "mkldnn_convolution", "linear", "mkldnn_linear")}
    | {f"aten::{name}" for name in ("addmm", "mm", "baddbmm", "bmm", "_scaled_mm", "_int_mm")}
)
"""Operators inside which a backend packs weights or rearranges maps for itself and gives them back (oneDNN, im2col)."""

Change = tuple[int, bool]
"""Bytes taken or given up, and whether inside one of `_PRODUCTS`; at the end of one there is a change of no bytes."""


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

        return measure_cuda_memory(runner, where, sensor_of(where), parameter_bytes=parameter_bytes_of(runner.module))
    runner.run()  # caches of the first run (anchors, kernel plans) are no activation memory
    weights = parameter_bytes_of(runner.module)
    try:
        changes = _allocation_records(runner)
    except (AttributeError, ImportError, RuntimeError, TypeError) as error:
        absent = f"not measured: this PyTorch does not report CPU allocations ({error})"
        return Memory(peak_activation_bytes=None, method=absent, parameter_bytes=weights)
    if not any(size for size, _ in changes):
        absent = "not measured: PyTorch reported no CPU allocation"
        return Memory(peak_activation_bytes=None, method=absent, parameter_bytes=weights)
    return Memory(
        peak_activation_bytes=peak_of(size for size, _ in changes),
        without_scratch_bytes=peak_without_scratch(changes),
        method="PyTorch's CPU allocator events of one forward",
        parameter_bytes=weights,
    )


def peak_of(changes: Iterable[int]) -> int:
    """Highest running sum of allocations (positive) and releases (negative), in bytes."""
    alive = peak = 0
    for change in changes:
        alive += change
        peak = max(peak, alive)
    return peak


def peak_without_scratch(changes: Iterable[Change]) -> int:
    """The same, looked at only between products, when what they took for themselves is given back."""
    alive = peak = 0
    for change, is_inside in changes:
        alive += change
        if not is_inside:
            peak = max(peak, alive)
    return peak


def _allocation_records(runner: Runner) -> list[Change]:
    """Every allocation and release of one run, thread after thread.

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
    return [change for records in threads for change in _changes(records)]


def _changes(records: Iterable[Any]) -> Iterator[Change]:
    """From one thread's events: operators begin and end around what they allocate."""
    running: list[bool] = []
    for record in records:
        kind = record.kind()
        if kind == "push":
            running.append(record.name() in _PRODUCTS)
        elif kind == "pop" and running:
            if running.pop() and not any(running):
                yield 0, False
        elif kind == "memory_alloc":
            yield record.cpu_memory_usage(), any(running)


def parameter_bytes_of(module: nn.Module) -> int:
    """Bytes of a network's parameters and buffers."""
    return sum(tensor.numel() * tensor.element_size() for tensor in (*module.parameters(), *module.buffers()))
