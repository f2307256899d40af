"""A GPU's runs by three clocks, and whether the card was itself: throttled blocks out, gaps confirmed in cycles.

Pure arithmetic on what the clock and the sensor said; nothing here touches a card.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from surgeon.profiler.gpu_figures import Gap, GpuLatency, GpuPair
from surgeon.profiler.results import Latency, PairedLatency
from surgeon.profiler.timing.confidence import median_interval, quantile
from surgeon.profiler.timing.launch_bound import launch_bound
from surgeon.profiler.timing.nvml import GpuReading, GpuSensor
from surgeon.profiler.timing.verdict import verdict

FEWEST_IN_CYCLES = 10
"""Pairs with a known SM clock, from which a gap in cycles is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTimes:
    """One run in ms: host time until the card is idle, span between its events, host time until it is enqueued."""

    wall_ms: float
    span_ms: float
    enqueue_ms: float


@dataclass(frozen=True, slots=True)
class Seen:
    """One run, and the card right after it."""

    times: RunTimes
    card: GpuReading

    @property
    def megacycles(self) -> float | None:
        """Millions of SM cycles between the events, None where the clock is unknown."""
        return None if self.card.sm_mhz is None else self.times.span_ms * self.card.sm_mhz / 1000


class CudaWitness:
    """Collects what `RunTimes` and the sensor say of every run.

    Args:
        arms: Networks in a block.
        last: The times of the run that has just ended.
        sensor: The card.
        flags: PyTorch's switches that decide which kernels run.
    """

    def __init__(self, arms: int, last: Callable[[], RunTimes], sensor: GpuSensor, flags: Mapping[str, bool]) -> None:
        self._last, self._sensor, self._flags = last, sensor, dict(flags)
        self._open: dict[int, Seen] = {}
        self._kept: list[list[Seen]] = [[] for _ in range(arms)]
        self._aside: list[list[Seen]] = [[] for _ in range(arms)]
        self._dropped_by: Counter[str] = Counter()

    def saw(self, arm: int) -> None:
        """Take down the run that has just ended."""
        self._open[arm] = Seen(self._last(), self._sensor.read())

    def keeps(self) -> bool:
        """Close the block; it counts if nothing throttled the card after any of its runs."""
        block, self._open = self._open, {}
        causes = sorted({cause for seen in block.values() for cause in seen.card.causes})
        self._dropped_by.update(causes)
        for arm, seen in block.items():
            (self._aside if causes else self._kept)[arm].append(seen)
        return not causes

    @property
    def dropped(self) -> int:
        """Blocks that do not count."""
        return len(self._aside[0])

    @property
    def dropped_share(self) -> float:
        """Their share of all."""
        return self.dropped / max(len(self._kept[0]) + self.dropped, 1)

    def of_latency(self, latency: Latency, arm: int) -> Latency:
        """Add the runs by the other clocks, and the sentences that they call for."""
        runs = self._runs(arm)
        spans, enqueues = [r.times.span_ms for r in runs], [r.times.enqueue_ms for r in runs]
        clocks = [run.card.sm_mhz for run in runs if run.card.sm_mhz is not None]
        span, enqueue = _median(spans), _median(enqueues)
        gpu = GpuLatency(
            span_ms=tuple(spans),
            enqueue_ms=tuple(enqueues),
            median_span_ms=span,
            median_enqueue_ms=enqueue,
            sm_clock_mhz=_median(clocks) if clocks else None,
            dropped=self.dropped,
            dropped_share=self.dropped_share,
            dropped_by=dict(self._dropped_by),
            launch_bound=launch_bound(enqueue, span),
            flags=self._flags,
        )
        said = (gpu.launch_bound, self._throttling("run" if len(self._kept) == 1 else "pair"), self._sensor.missing)
        return replace(latency, gpu=gpu, notes=(*latency.notes, *(sentence for sentence in said if sentence)))

    def of_pair(self, paired: PairedLatency, arm: int) -> PairedLatency:
        """Add the gap by the other clocks; take the verdict back where the card or its cycles speak against it."""
        base, runs = self._runs(0), self._runs(arm)
        cycles = _cycles(base, runs)
        directed = paired.verdict in ("slower", "faster")
        confirmed = (cycles.ratio > 1) == (paired.ratio > 1) and cycles.ratio != 1 if directed and cycles else None
        paired = replace(
            paired,
            gpu=GpuPair(
                span=gap([r.times.span_ms for r in base], [r.times.span_ms for r in runs]),
                enqueue=gap([r.times.enqueue_ms for r in base], [r.times.enqueue_ms for r in runs]),
                cycles=cycles,
                confirmed=confirmed,
                dropped=self.dropped,
                dropped_share=self.dropped_share,
                dropped_by=dict(self._dropped_by),
            ),
        )
        if self.dropped and not self._kept[0]:
            return _doubted(paired, self._throttling("pair"))
        if confirmed is False and cycles is not None:
            return _doubted(
                paired,
                f"{paired.ratio - 1:+.1%} in ms, but {cycles.ratio - 1:+.1%} in cycles of the SM clock: the clock "
                "differed between the two, not their work",
            )
        return replace(paired, reason=_joined(paired.reason, self._throttling("pair"))) if self.dropped else paired

    def _runs(self, arm: int) -> list[Seen]:
        """The runs that count; where none does, all, so that there is something to show."""
        return self._kept[arm] or self._aside[arm]

    def _throttling(self, thing: str) -> str:
        """What was dropped and why, as a sentence; empty where nothing was."""
        if not self.dropped:
            return ""
        causes = ", ".join(f"{cause} in {count}" for cause, count in self._dropped_by.most_common())
        if not self._kept[0]:
            return f"the card was throttled in all {self.dropped} {thing}s ({causes}), so none of them counts"
        everything = self.dropped + len(self._kept[0])
        return f"{self.dropped} of {everything} {thing}s ({self.dropped_share:.1%}) dropped as throttled ({causes})"


def gap(baseline: Sequence[float], candidate: Sequence[float]) -> Gap:
    """The paired ratio of two series of equal length, as the estimator of wall times has it.

    Raises:
        ValueError: There are no values.
    """
    tiny = 1e-6  # an event's resolution is half a microsecond: nothing on a GPU takes no time
    logs = [math.log(max(b, tiny) / max(a, tiny)) for a, b in zip(baseline, candidate, strict=True)]
    interval = median_interval(logs)
    ratio, low = math.exp(interval.median), math.exp(interval.low)
    high = math.inf if interval.high == math.inf else math.exp(interval.high)
    return Gap(
        ratio=ratio,
        low=low,
        high=high,
        verdict=verdict(ratio, low, high),
        baseline=_median(baseline),
        candidate=_median(candidate),
    )


def _cycles(base: Sequence[Seen], runs: Sequence[Seen]) -> Gap | None:
    """The gap in SM cycles over the pairs where both clocks are known, None where those are too few."""
    both = [(a.megacycles, b.megacycles) for a, b in zip(base, runs, strict=True)]
    known = [(a, b) for a, b in both if a is not None and b is not None]
    if len(known) < FEWEST_IN_CYCLES:
        return None
    return gap([a for a, _ in known], [b for _, b in known])


def _doubted(paired: PairedLatency, why: str) -> PairedLatency:
    return replace(paired, verdict="inconclusive", reason=_joined(why, paired.reason))


def _joined(*sentences: str) -> str:
    return "; ".join(sentence for sentence in sentences if sentence)


def _median(values: Sequence[float]) -> float:
    return quantile(sorted(values), 0.5)
