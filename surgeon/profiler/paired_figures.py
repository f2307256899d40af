"""Baseline and candidate, timed in pairs. Torch-free data."""

from __future__ import annotations

from dataclasses import dataclass

from surgeon.profiler.gpu_figures import GpuPair


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedLatency:
    """Baseline and candidate timed in the same process in randomly ordered pairs.

    Attributes:
        pairs: Number of pairs.
        ratio: Median of candidate time / baseline time.
        ratio_low, ratio_high: Any-time-valid 95 % confidence sequence of that median.
        verdict: ``slower``, ``faster``, ``same``, ``tiny`` or ``inconclusive``.
        baseline_ms, candidate_ms: Median times of the two arms.
        log_ratios: Raw paired differences log(candidate/baseline), in order.
        stopped_by: ``precision``, ``budget`` or ``interrupt``.
        elapsed_s: Seconds spent on the pairs.
        reason: Why an inconclusive verdict is one, or what else the reader should know.
        epoch_pairs: Pairs of each epoch (fresh copies at other memory addresses), in order; their sum is ``pairs``.
        waited_share: Share of the time in which the timing thread waited for a CPU, None where not exposed.
        stalled_share: Share of the time in which any task of the machine waited for a CPU (PSI), None likewise.
        gpu: The same pairs by a GPU's clocks, None on a CPU.
    """

    pairs: int
    ratio: float
    ratio_low: float
    ratio_high: float
    verdict: str
    baseline_ms: float
    candidate_ms: float
    log_ratios: tuple[float, ...]
    stopped_by: str
    elapsed_s: float
    reason: str = ""
    epoch_pairs: tuple[int, ...] = ()
    waited_share: float | None = None
    stalled_share: float | None = None
    gpu: GpuPair | None = None
