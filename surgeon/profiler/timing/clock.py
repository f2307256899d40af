"""Clocks. Everything that times takes one as an argument, so that tests never wait and never depend on a machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Protocol

import torch


class Clock(Protocol):
    """What timing needs to know of time."""

    @property
    def warmup_runs(self) -> int:
        """Runs that the device needs at least before its times are steady."""

    def now_s(self) -> float:
        """Seconds of the host's clock, for budgets."""

    def run_ms(self, call: Callable[[], object]) -> float:
        """Milliseconds until the result of ``call`` is there, the device's work included."""

    def mark(self) -> Any:
        """A point in the device's work, cheap and without waiting."""

    def spans_ms(self, marks: Sequence[Any]) -> list[float]:
        """Milliseconds between successive marks; waits for the device."""


class CpuClock:
    """The monotonic clock of the host."""

    warmup_runs = 3

    def now_s(self) -> float:
        """Seconds since an arbitrary start."""
        return time.perf_counter()

    def run_ms(self, call: Callable[[], object]) -> float:
        """Milliseconds that ``call`` took."""
        start = time.perf_counter_ns()
        result = call()
        elapsed = time.perf_counter_ns() - start
        del result  # freeing the outputs is not part of the run
        return elapsed / 1e6

    def mark(self) -> int:
        """Nanoseconds now."""
        return time.perf_counter_ns()

    def spans_ms(self, marks: Sequence[int]) -> list[float]:
        """Milliseconds between successive marks."""
        return [(after - before) / 1e6 for before, after in pairwise(marks)]


class CudaClock:
    """Wall time of a CUDA device's work: synchronised runs, and events inside a run."""

    warmup_runs = 10

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def now_s(self) -> float:
        """Seconds since an arbitrary start."""
        return time.perf_counter()

    def run_ms(self, call: Callable[[], object]) -> float:
        """Milliseconds from an idle device to an idle device."""
        torch.cuda.synchronize(self._device)
        start = time.perf_counter_ns()
        result = call()
        torch.cuda.synchronize(self._device)
        elapsed = time.perf_counter_ns() - start
        del result
        return elapsed / 1e6

    def mark(self) -> torch.cuda.Event:
        """An event in the current stream."""
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call, unused-ignore]
        event.record(torch.cuda.current_stream(self._device))
        return event

    def spans_ms(self, marks: Sequence[torch.cuda.Event]) -> list[float]:
        """Milliseconds between successive events."""
        torch.cuda.synchronize(self._device)
        return [float(before.elapsed_time(after)) for before, after in pairwise(marks)]


def clock_for(device: str) -> Clock:
    """The clock of a device (``cpu``, ``cuda:0``)."""
    found = torch.device(device)
    return CudaClock(found) if found.type == "cuda" else CpuClock()
