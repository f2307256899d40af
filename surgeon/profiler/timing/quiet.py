"""A quiet process while something is timed: fixed threads, no garbage collection, no denormals; all restored after."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def quiet(threads: int) -> Iterator[None]:
    """Time under equal conditions.

    Args:
        threads: CPU threads of PyTorch's operators.

    Denormal numbers are flushed to zero in the calling thread: they can make a convolution 300 times slower, and
    which weights are that small is an accident of training.
    """
    threads_before = torch.get_num_threads()
    flushing_before = flushes_denormals()
    collecting_before = gc.isenabled()
    try:
        gc.collect()
        gc.disable()
        torch.set_num_threads(threads)
        torch.set_flush_denormal(True)
        yield
    finally:
        torch.set_flush_denormal(flushing_before)
        torch.set_num_threads(threads_before)
        if collecting_before:
            gc.enable()


def flushes_denormals() -> bool:
    """Whether this thread flushes denormal numbers to zero; PyTorch can set this but not tell it."""
    smallest_normal = torch.full((1,), torch.finfo(torch.float32).tiny, dtype=torch.float32)
    return bool((smallest_normal * 0.5 == 0).item())
