"""The clock of a CUDA device. It reads the card and PyTorch's switches, and sets neither.

A run has three times: *wall*, from an idle card to an idle card, is the latency; the *span* between two events in the
stream; and *enqueue*, the host's time until the last kernel is handed over. Inside a run there are only events, which
neither side waits for; the device is waited for once, at the run's end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import torch

from surgeon.profiler.kineto import recorded
from surgeon.profiler.timing.cuda_witness import CudaWitness, RunTimes
from surgeon.profiler.timing.nvml import GpuSensor, NoSensor, open_sensor

FLUSHED_BYTES = 256_000_000
"""What Triton's do_bench zeroes before every run."""

FLUSHED_CACHES = 2
"""Zeroed at least this many times the size of the L2 cache."""


class CudaClock:
    """Times runs on a CUDA device.

    Args:
        device: The device.
        cuda: ``torch.cuda``, or what a test puts in its place.
        sensor: What reads the card; by default nothing does.
        flush: Empties the L2 cache, for cold runs; None leaves it warm.
        now_ns: The host's clock.
        kineto: Runs a call under PyTorch's profiler and returns its document; by default the device's own.
    """

    warmup_runs = 10
    warmup_s = 0.5

    def __init__(
        self,
        device: torch.device,
        *,
        cuda: Any = torch.cuda,
        sensor: GpuSensor | None = None,
        flush: Callable[[], None] | None = None,
        now_ns: Callable[[], int] = time.perf_counter_ns,
        kineto: Callable[[Callable[[], None]], dict[str, Any]] | None = None,
    ) -> None:
        self._device, self.cuda, self._flush, self._now_ns = device, cuda, flush, now_ns
        self.sensor: GpuSensor = sensor or NoSensor("")
        self.kineto = kineto or partial(recorded, device=str(device))
        self._spare: list[Any] = []
        self._last: RunTimes | None = None

    def now_s(self) -> float:
        """Seconds since an arbitrary start."""
        return self._now_ns() / 1e9

    @property
    def last(self) -> RunTimes:
        """The times of the last run."""
        assert self._last is not None, "nothing was run"
        return self._last

    def prepare(self) -> None:
        """Wait for the device, its L2 cache emptied where runs are to be cold."""
        if self._flush is not None:
            self._flush()
        self.cuda.synchronize(self._device)

    def run_ms(self, call: Callable[[], object]) -> float:
        """Wall milliseconds of a run, from an idle device to an idle device; its other times are `last`."""
        begin, end = self._event(), self._event()
        stream = self.cuda.current_stream(self._device)
        self.prepare()
        start = self._now_ns()
        begin.record(stream)
        result = call()
        enqueued = self._now_ns()
        end.record(stream)
        self.cuda.synchronize(self._device)
        done = self._now_ns()
        del result  # freeing the outputs is not part of the run
        self._last = RunTimes(
            wall_ms=(done - start) / 1e6, span_ms=float(begin.elapsed_time(end)), enqueue_ms=(enqueued - start) / 1e6
        )
        self._spare += [begin, end]
        return self._last.wall_ms

    def mark(self) -> Any:
        """An event in the current stream; neither side waits."""
        event = self._event()
        event.record(self.cuda.current_stream(self._device))
        return event

    def spans_ms(self, marks: Sequence[Any]) -> list[float]:
        """Milliseconds between successive marks, which are used up; waits for the device."""
        self.cuda.synchronize(self._device)
        spans = [float(before.elapsed_time(after)) for before, after in pairwise(marks)]
        self._spare += marks
        return spans

    def witness(self, arms: int) -> CudaWitness:
        """Watches the runs of ``arms`` networks."""
        return CudaWitness(arms, lambda: self.last, self.sensor, kernel_flags())

    def _event(self) -> Any:
        """Making an event costs the host time, so they are used again."""
        return self._spare.pop() if self._spare else self.cuda.Event(enable_timing=True)


def cuda_clock(device: torch.device, *, cold: bool = False) -> CudaClock:
    """The clock of a device that is there, with its sensor; ``cold`` empties the L2 cache before every run."""
    return CudaClock(device, sensor=sensor_of(device), flush=l2_flush(device) if cold else None)


def sensor_of(device: torch.device) -> GpuSensor:
    """What NVML tells of a device; the default clock is the driver's own, which nvbench takes too."""
    card: Any = torch.cuda.get_device_properties(device)  # which fields there are depends on PyTorch's version
    uuid, khz = getattr(card, "uuid", None), getattr(card, "clock_rate", None)
    return open_sensor(None if uuid is None else str(uuid), khz / 1000 if khz else None)


def l2_flush(device: torch.device) -> Callable[[], None]:
    """A function that pushes whatever the L2 cache holds out of it, by zeroing a buffer that it keeps."""
    card: Any = torch.cuda.get_device_properties(device)
    size = flushed_bytes(getattr(card, "L2_cache_size", 0))
    kept: list[torch.Tensor] = []

    def flush() -> None:
        if not kept:  # not before: memory is measured before anything is timed
            kept.append(torch.empty(size, dtype=torch.uint8, device=device))
        kept[0].zero_()

    return flush


def flushed_bytes(l2_bytes: int) -> int:
    """Size of the buffer that is zeroed for a cold run."""
    return max(FLUSHED_BYTES, FLUSHED_CACHES * l2_bytes)


def kernel_flags() -> dict[str, bool]:
    """PyTorch's switches that decide which kernels run. Read, never set."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    return {
        "cudnn.enabled": bool(cudnn.enabled),
        "cudnn.benchmark": bool(cudnn.benchmark),
        "cudnn.deterministic": bool(cudnn.deterministic),
        "cudnn.allow_tf32": _allows_tf32(cudnn),
        "matmul.allow_tf32": _allows_tf32(matmul),
    }


def _allows_tf32(backend: Any) -> bool:
    """Whether single precision may become TF32; PyTorch refuses the old name where the new one was set."""
    try:
        return bool(backend.allow_tf32)
    except RuntimeError:
        return str(getattr(backend, "fp32_precision", "")) == "tf32"
