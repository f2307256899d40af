"""Memory of one forward pass on CUDA, by PyTorch's caching allocator and by the driver."""

from __future__ import annotations

from typing import Any

import torch

from surgeon.profiler.memory_figures import Memory
from surgeon.profiler.timing.nvml import GpuSensor
from surgeon.profiler.timing.runner import Runner

METHOD = "CUDA caching allocator, peak of one forward minus what was allocated before"
_WARM_RUNS = 3


def measure_cuda_memory(
    runner: Runner, device: torch.device, sensor: GpuSensor, *, parameter_bytes: int, cuda: Any = torch.cuda
) -> Memory:
    """Peak memory of one warm forward pass: of its activations, and of all that the process holds.

    The allocator rounds every tensor up to 512 bytes, and cuDNN's workspaces are in the peak.

    Args:
        runner: The deployed network with its images.
        device: Where it is.
        sensor: The driver's view of the card.
        parameter_bytes: Bytes of the network's parameters and buffers.
        cuda: ``torch.cuda``, or what a test puts in its place.
    """
    for _ in range(_WARM_RUNS):
        runner.run()
    cuda.synchronize(device)
    cuda.empty_cache()  # what the first runs tried out is not what a forward needs
    cuda.reset_peak_memory_stats(device)
    before = cuda.memory_allocated(device)
    result = runner.run()
    cuda.synchronize(device)
    allocated, reserved = cuda.max_memory_allocated(device), cuda.max_memory_reserved(device)
    del result
    return Memory(
        peak_activation_bytes=allocated - before,
        method=METHOD,
        parameter_bytes=parameter_bytes,
        allocated_bytes=allocated,
        reserved_bytes=reserved,
        process_bytes=sensor.process_bytes(),
    )
