"""The estimator of a comparison: randomly ordered pairs in one process.

Baseline and candidates run in blocks, in random order within each. The log ratio of each block is one observation;
their median and its confidence sequence are the answer. Three epochs use fresh copies at other memory addresses.
Timing stops when the interval is narrow or the budget spent, never because something became significant. Times of
separate processes, or of A×n followed by B×n, differ by per cents without cause: nothing here compares those.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn

from surgeon.profiler.inputs import Forward, example_images
from surgeon.profiler.results import PairedLatency
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.timing.clock import Clock, clock_for
from surgeon.profiler.timing.confidence import median_interval, quantile
from surgeon.profiler.timing.placement import placed_anew
from surgeon.profiler.timing.pressure import Disturbance, PressureGauge
from surgeon.profiler.timing.quiet import quiet
from surgeon.profiler.timing.runner import Runner
from surgeon.profiler.timing.verdict import reason, verdict
from surgeon.profiler.timing.warmup import ALLOWANCE, warm_up
from surgeon.profiler.timing.witness import NoWitness, Witness, warmup_s_of, witness_of
from surgeon.progress import reached

EPOCHS = 3
MIN_PAIRS = 10
PAIRS_PER_LOOK = 5


@dataclass(slots=True)
class BlockSeries:
    """Raw times of a run of blocks.

    Attributes:
        samples_ms: Times of each arm, baseline first, in order; the i-th of each belong to one block.
        warm_ms: Warm-up times of each arm, the cold run first.
        epoch_blocks: Blocks of each epoch.
        stopped_by: ``precision``, ``budget`` or ``interrupt``.
        elapsed_s: Seconds, copies and warm-up included.
        seen: What disturbed it.
        witness: Who watched the device.
        aside_ms: Times of the blocks that do not count, because the device was throttled.
    """

    samples_ms: list[list[float]]
    warm_ms: list[list[float]]
    epoch_blocks: list[int] = field(default_factory=list)
    stopped_by: str = "budget"
    elapsed_s: float = 0.0
    seen: Disturbance = field(default_factory=Disturbance)
    witness: Witness = field(default_factory=NoWitness)
    aside_ms: list[list[float]] = field(default_factory=list)

    def set_aside(self) -> None:
        """Take the last block out of those that count."""
        if not self.aside_ms:
            self.aside_ms = [[] for _ in self.samples_ms]
        for samples, aside in zip(self.samples_ms, self.aside_ms, strict=True):
            aside.append(samples.pop())

    def settle(self) -> None:
        """Where no block counts, show those that do not; the witness lets nobody conclude anything from them."""
        if self.blocks == 0 and self.aside_ms:
            self.samples_ms, self.aside_ms = self.aside_ms, []
            self.epoch_blocks = [self.blocks]

    @property
    def blocks(self) -> int:
        """Complete blocks so far."""
        return min(len(samples) for samples in self.samples_ms)

    def log_ratios(self, arm: int) -> list[float]:
        """log(arm / baseline) of every complete block."""
        return [math.log(t / base) for base, t in zip(self.samples_ms[0], self.samples_ms[arm], strict=True)]

    def widest(self) -> float:
        """The largest half-width over the candidates' intervals."""
        return max(median_interval(self.log_ratios(arm)).half_width for arm in range(1, len(self.samples_ms)))


def time_paired(
    modules: Sequence[nn.Module],
    settings: ProfileSettings,
    *,
    forward: Forward | None = None,
    clock: Clock | None = None,
    seed: int = 0,
) -> tuple[PairedLatency, ...]:
    """Compare the latency of candidates with a baseline's.

    Args:
        modules: Deployed networks (fused, eval, on their device and type), baseline first.
        settings: Budget and precision; the budget is shared by all.
        forward: How to run them, default ``module(images)``.
        clock: Default the device's.
        seed: Of the order of runs.

    Returns:
        One result a candidate.

    Raises:
        KeyboardInterrupt: Interrupted before the first block was complete; later, what was measured is returned.
    """
    images = example_images(modules[0], settings)
    series = run_blocks(modules, images, settings, forward=forward, clock=clock, seed=seed)
    return tuple(judge(series, arm, settings.precision) for arm in range(1, len(modules)))


def run_blocks(
    modules: Sequence[nn.Module],
    images: Tensor,
    settings: ProfileSettings,
    *,
    forward: Forward | None = None,
    clock: Clock | None = None,
    seed: int = 0,
) -> BlockSeries:
    """Time blocks of one run each of every network; see `time_paired`."""
    assert len(modules) >= 2, "a comparison needs a baseline and a candidate"
    clock = clock or clock_for(settings.device, cold=settings.cold)
    series = BlockSeries([[] for _ in modules], [[] for _ in modules], witness=witness_of(clock, len(modules)))
    gauge, start_s = PressureGauge(), clock.now_s()
    session = _Session(modules, images, settings, forward, clock, random.Random(seed), start_s)
    try:
        with quiet(settings.threads):
            session.run(series)
    except KeyboardInterrupt:
        _drop_incomplete(series)
        if series.blocks == 0 and not series.aside_ms:
            raise
        series.stopped_by = "interrupt"
    series.settle()
    series.elapsed_s = clock.now_s() - start_s
    series.seen = gauge.read()
    return series


def judge(series: BlockSeries, arm: int, precision: float) -> PairedLatency:
    """What a series says of one candidate."""
    logs = series.log_ratios(arm)
    interval = median_interval(logs)
    ratio, low, high = (_exp(value) for value in (interval.median, interval.low, interval.high))
    word = verdict(ratio, low, high)
    found = PairedLatency(
        pairs=len(logs),
        ratio=ratio,
        ratio_low=low,
        ratio_high=high,
        verdict=word,
        baseline_ms=quantile(sorted(series.samples_ms[0]), 0.5),
        candidate_ms=quantile(sorted(series.samples_ms[arm]), 0.5),
        log_ratios=tuple(logs),
        stopped_by=series.stopped_by,
        elapsed_s=series.elapsed_s,
        reason=reason(
            word, low, high, pairs=len(logs), elapsed_s=series.elapsed_s, precision=precision, seen=series.seen
        ),
        epoch_pairs=tuple(series.epoch_blocks),
        waited_share=series.seen.waited,
        stalled_share=series.seen.stalled,
    )
    return series.witness.of_pair(found, arm)


@dataclass(slots=True)
class _Session:
    """The loop over epochs and blocks."""

    modules: Sequence[nn.Module]
    images: Tensor
    settings: ProfileSettings
    forward: Forward | None
    clock: Clock
    rng: random.Random
    start_s: float

    def run(self, series: BlockSeries) -> None:
        """Fill the series until it is precise, or the budget is spent."""
        precise = False
        for epoch in range(1, EPOCHS + 1):
            if epoch > 1 and not self._another_epoch_fits(series):
                return
            precise = self._run_epoch(series, epoch)
        if precise:
            series.stopped_by = "precision"

    def _run_epoch(self, series: BlockSeries, epoch: int) -> bool:
        """Run one epoch on fresh copies; whether it ended because it was precise enough."""
        networks = [Runner(module, self.images, self.clock, self.forward) for module in self.modules]
        placement = placed_anew(networks, self.rng)
        runners = placement.runners
        allowance_s = ALLOWANCE * self.settings.budget_s / EPOCHS / len(runners)
        for arm in self._shuffled(len(runners)):
            min_s = warmup_s_of(self.clock) if epoch == 1 else 0.0  # later copies find tuned kernels and a warm device
            series.warm_ms[arm].extend(warm_up(runners[arm].run_ms, self.clock.warmup_runs, allowance_s, min_s))
        series.epoch_blocks.append(0)
        target = self.settings.precision * math.sqrt(EPOCHS / epoch)
        end_s = self.start_s + self.settings.budget_s
        deadline_s = self.start_s + self.settings.budget_s * epoch / EPOCHS
        while True:
            reached(self.clock.now_s() - self.start_s, self.settings.budget_s)
            for arm in self._shuffled(len(runners)):
                series.samples_ms[arm].append(runners[arm].run_ms())
                series.witness.saw(arm)
            if series.witness.keeps():
                series.epoch_blocks[-1] += 1
            else:
                series.set_aside()
            blocks = series.blocks
            if blocks >= MIN_PAIRS and blocks % PAIRS_PER_LOOK == 0 and series.widest() <= target:
                return True
            if self.clock.now_s() >= deadline_s:
                if self.clock.now_s() >= end_s or self._another_epoch_fits(series):
                    return False
                deadline_s = end_s  # better more pairs here than none elsewhere

    def _another_epoch_fits(self, series: BlockSeries) -> bool:
        """Whether copies can warm up and run a few blocks before the budget is spent."""
        timed = series.samples_ms if series.blocks else series.aside_ms
        block_s = sum(quantile(sorted(samples), 0.5) for samples in timed) / 1000
        left_s = self.start_s + self.settings.budget_s - self.clock.now_s()
        return left_s >= 5 * block_s

    def _shuffled(self, arms: int) -> list[int]:
        return self.rng.sample(range(arms), arms)


def _drop_incomplete(series: BlockSeries) -> None:
    """Cut the block that an interrupt tore."""
    blocks = series.blocks
    for samples in series.samples_ms:
        del samples[blocks:]


def _exp(value: float) -> float:
    return math.inf if value == math.inf else math.exp(value)
