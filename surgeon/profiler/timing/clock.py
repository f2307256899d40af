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


def clock_for(device: str, *, cold: bool = False) -> Clock:
    """The clock of a device (``cpu``, ``cuda:0``); ``cold`` empties a GPU's L2 cache before every run."""
    found = torch.device(device)
    if found.type != "cuda":
        return CpuClock()
    from surgeon.profiler.timing.cuda import cuda_clock

    return cuda_clock(found, cold=cold)
