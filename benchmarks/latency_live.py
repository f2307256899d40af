"""Comparisons on this machine, now: networks that are equal, that are slower by a known amount, and real edits."""

from __future__ import annotations

import contextlib
import copy
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from latency_replay import Rate
from torch import Tensor, nn

import surgeon
from surgeon.profiler.inputs import example_images
from surgeon.profiler.results import PairedLatency
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.timing.clock import CpuClock
from surgeon.profiler.timing.paired import time_paired
from surgeon.profiler.timing.quiet import quiet
from surgeon.profiler.timing.rows import stamped
from surgeon.profiler.timing.runner import Runner

IMGSZ = (320, 320)


def deployed(name: str, block: str | None = None, after: int = 4) -> nn.Module:
    """A network of Ultralytics with BatchNorm folded, with a block after a row."""
    model = surgeon.open(f"{name}.yaml")
    if block:
        model = model.insert(block, after=after)
    module: nn.Module = copy.deepcopy(model.module).eval()
    return module.fuse(verbose=False).eval()  # type: ignore[operator,no-any-return]


class Slower(nn.Module):
    """A network and a wait after it, spinning."""

    def __init__(self, network: nn.Module, wait_ms: float) -> None:
        super().__init__()
        self.network, self.wait_ns = network, int(wait_ms * 1e6)

    def forward(self, x: Tensor) -> object:
        """As the network."""
        out = self.network(x)
        end = time.perf_counter_ns() + self.wait_ns
        while time.perf_counter_ns() < end:
            pass
        return out


class Stamped(nn.Module):
    """A network with the stamps of a per-row table on it."""

    def __init__(self, network: nn.Module, rows: list[str]) -> None:
        super().__init__()
        self.network, self._rows = network, rows
        self._open: contextlib.ExitStack | None = None  # opened at the first run: a comparison runs copies
        self._tape: list[Any] = []

    def forward(self, x: Tensor) -> object:
        """As the network."""
        if self._open is None:
            self._open = contextlib.ExitStack()
            self._tape = self._open.enter_context(stamped(self.network, self._rows, CpuClock().mark))
        out = self.network(x)
        self._tape.clear()
        return out


def record(seconds: float) -> list[float]:
    """Times of yolov8n in this process, in ms, one after the other."""
    module = deployed("yolov8n")
    runner = Runner(module, example_images(module, ProfileSettings(imgsz=IMGSZ)), CpuClock(), None)
    times: list[float] = []
    with quiet(1):
        end = time.perf_counter() + seconds
        for _ in range(5):
            runner.run_ms()
        while time.perf_counter() < end:
            times.append(runner.run_ms())
    return times


def compare(a: nn.Module, b: nn.Module, seconds: float, seed: int) -> PairedLatency:
    """One comparison as ``surgeon compare`` makes it."""
    settings = ProfileSettings(imgsz=IMGSZ, time_budget_s=seconds)
    return time_paired([a, b], settings, seed=seed)[0]


@dataclass
class Live:
    """Several comparisons of one kind."""

    name: str
    wanted: str
    found: list[PairedLatency] = field(default_factory=list)

    def line(self) -> str:
        """As a row of the table."""
        good = Rate(hits=sum(self.good(one) for one in self.found), of=len(self.found))
        words = [one.verdict for one in self.found]
        counts = ", ".join(f"{words.count(word)} {word}" for word in sorted(set(words)))
        ratios = sorted(one.ratio for one in self.found)
        widths = sorted((one.ratio_high - one.ratio_low) / 2 for one in self.found)
        seconds = sorted(one.elapsed_s for one in self.found)
        waited = [one.waited_share for one in self.found if one.waited_share is not None]
        stalled = [one.stalled_share for one in self.found if one.stalled_share is not None]
        state = f"{_mean(waited)} / {_mean(stalled)}"
        middle = len(ratios) // 2
        return (
            f"| {self.name} | {self.wanted}: {good} | {counts} | {ratios[middle] - 1:+.2%} "
            f"[{ratios[0] - 1:+.2%}, {ratios[-1] - 1:+.2%}] | ±{widths[middle]:.2%} | {seconds[middle]:.1f} | {state} |"
        )

    def good(self, one: PairedLatency) -> bool:
        """Whether the comparison said what it should."""
        if self.wanted == "equality not excluded":
            return one.ratio_low <= 1 <= one.ratio_high
        return one.verdict == "slower"


def _mean(values: list[float]) -> str:
    return f"{sum(values) / len(values):.0%}" if values else "not exposed"


def runs(name: str, wanted: str, times: int, make: Callable[[int], PairedLatency]) -> Live:
    """Repeat a comparison, each with a seed of its own."""
    live = Live(name, wanted)
    for seed in range(times):
        live.found.append(make(seed))
        one = live.found[-1]
        print(f"{name} {seed}: {one.verdict} {one.ratio:.4f} [{one.ratio_low:.4f}, {one.ratio_high:.4f}]", flush=True)
    return live


def _burn() -> None:
    while True:
        pass


@contextlib.contextmanager
def burners() -> Iterator[None]:
    """Another process on every CPU that this one may use."""
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_burn, daemon=True) for _ in os.sched_getaffinity(0)]
    try:
        for process in processes:
            process.start()
        yield
    finally:
        for process in processes:
            process.kill()


@dataclass(frozen=True)
class Reconciled:
    """Rows beside the whole, of yolov8n and of the same with GAM after row 4."""

    rows_ms: float
    unattributed_ms: float
    median_ms: float
    row_ms: float
    row_plus_minus_ms: float
    difference_ms: float
    low_ms: float
    high_ms: float


def reconciled(seconds: float) -> Reconciled:
    """Whether the rows add up, and whether the block's own row explains the difference of the whole."""
    before = surgeon.open("yolov8n.yaml")
    after = before.insert("gam", after=4)
    result = surgeon.compare(before, after, imgsz=IMGSZ, time_budget_s=seconds)
    whole, pair = result.results[1], result.paired[0]
    row = next(one for one in whole.layers if one.planted)
    assert whole.latency is not None and row.latency_ms is not None and whole.unattributed_ms is not None
    return Reconciled(
        rows_ms=sum(one.latency_ms or 0 for one in whole.layers),
        unattributed_ms=whole.unattributed_ms,
        median_ms=whole.latency.median_ms,
        row_ms=row.latency_ms,
        row_plus_minus_ms=row.latency_plus_minus_ms or 0,
        difference_ms=pair.baseline_ms * (pair.ratio - 1),
        low_ms=pair.baseline_ms * (pair.ratio_low - 1),
        high_ms=pair.baseline_ms * (pair.ratio_high - 1),
    )


def stamps_cost(seconds: float) -> PairedLatency:
    """What the stamps of the per-row table cost, end to end."""
    module = deployed("yolov8n")
    rows = [f"model.{i}" for i in range(len(module.model))]  # type: ignore[arg-type]
    with torch.inference_mode():
        return compare(module, Stamped(copy.deepcopy(module), rows), seconds, seed=0)
