"""What a GPU adds to a latency: the same runs by other clocks, and how the card behaved. Torch-free data."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Candidate against baseline in one quantity, over the pairs that count.

    Attributes:
        ratio: Median of candidate / baseline.
        low, high: Its any-time-valid 95 % confidence sequence.
        verdict: The word of these figures alone.
        baseline, candidate: Medians of the two, in ms or, for cycles, in millions.
    """

    ratio: float
    low: float
    high: float
    verdict: str
    baseline: float
    candidate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuLatency:
    """One network's runs on a GPU; the latency itself is wall time, from an idle card to an idle card.

    Attributes:
        span_ms: Between two events around each run: from its first to its last work in the stream, waits for the
            host included.
        enqueue_ms: Host time of each run until all of it was enqueued.
        median_span_ms, median_enqueue_ms: Their medians.
        sm_clock_mhz: Median SM clock right after the runs, None where it cannot be read.
        dropped: Runs, or blocks of one run of each network, that were left out because the card was throttled.
        dropped_share: Their share of all.
        dropped_by: How many of them each cause took part in.
        launch_bound: Why the host decides the latency and not the card, as a sentence; else empty.
        flags: PyTorch's switches that decide which kernels run, as found (``cudnn.benchmark`` …).
        graph: Replay of a CUDA graph against the ordinary forward, None where not asked for or refused.
        energy_mj: Energy of the card for one run, None where not asked for or not to be trusted.
        kernel_busy_ms: Median time in which at least one of a run's kernels, copies and memsets ran on the card, from
            runs under the profiler; None where they were not recorded.
        kernel_busy_runs: How many runs that were.
    """

    span_ms: tuple[float, ...]
    enqueue_ms: tuple[float, ...]
    median_span_ms: float
    median_enqueue_ms: float
    sm_clock_mhz: float | None = None
    dropped: int = 0
    dropped_share: float = 0.0
    dropped_by: dict[str, int] = field(default_factory=dict)
    launch_bound: str = ""
    flags: dict[str, bool] = field(default_factory=dict)
    graph: Gap | None = None
    energy_mj: float | None = None
    kernel_busy_ms: float | None = None
    kernel_busy_runs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuPair:
    """A candidate against the baseline on a GPU, beside the wall times.

    Attributes:
        span: By event spans.
        enqueue: By enqueue times.
        cycles: By event span × SM clock, None where the clock cannot be read often enough.
        confirmed: Whether the gap in cycles has the sign of a slower or faster latency; None where there is nothing to
            confirm or no cycles.
        dropped: Pairs left out because the card was throttled.
        dropped_share: Their share of all.
        dropped_by: How many of them each cause took part in.
        graph: Candidate's CUDA graph against the baseline's, None where not asked for or refused.
        energy_ratio: Energy of one run, candidate / baseline, None where not measured.
        energy_halves: The same ratio of each half of the ABBA blocks, the only spread that it has.
    """

    span: Gap
    enqueue: Gap
    cycles: Gap | None = None
    confirmed: bool | None = None
    dropped: int = 0
    dropped_share: float = 0.0
    dropped_by: dict[str, int] = field(default_factory=dict)
    graph: Gap | None = None
    energy_ratio: float | None = None
    energy_halves: tuple[float, ...] = ()
