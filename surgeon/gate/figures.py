"""What a measured result says about a limit: an exact figure, a ratio of two, or the interval of a timed ratio."""

from __future__ import annotations

import math
from fractions import Fraction

from surgeon.gate.budget import Budget, Limit
from surgeon.gate.judge import Found
from surgeon.profiler.paired_figures import PairedLatency
from surgeon.profiler.results import ProfileResult
from surgeon.profiler.timing.confidence import ALPHA, median_interval
from surgeon.profiler.timing.verdict import verdict

GIGA = 10**9


def found_for(limit: Limit, budget: Budget, result: ProfileResult, baseline: ProfileResult | None) -> Found:
    """The figure of an exact limit, absolute or relative.

    Args:
        limit: Of anything but a latency.
        budget: It belongs to.
        result: The model's.
        baseline: Needed where the limit is relative.
    """
    figure, why = exact_figure(limit.quantity, budget.convention, result)
    if not limit.relative:
        return Found(low=figure, high=figure, value=figure, reason=why)
    assert baseline is not None, "a relative limit has a baseline"
    base, why_not = exact_figure(limit.quantity, budget.convention, baseline)
    ratio, missing = _ratio(figure, base), why or why_not
    if ratio is None and not missing:
        missing = f"the baseline {baseline.name} has none of it"
    return Found(low=ratio, high=ratio, value=ratio, candidate=figure, baseline=base, reason=missing)


def exact_figure(quantity: str, convention: str, result: ProfileResult) -> tuple[Fraction | None, str]:
    """FLOPs, MACs, parameters or bytes; None with the reason where there is none."""
    if quantity == "params":
        return Fraction(result.params), ""
    if quantity == "macs":
        return Fraction(result.counts.macs), ""
    return _memory(result) if quantity == "memory" else _flops(convention, result)


def timed_ratio(paired: PairedLatency, confidence: float) -> Found:
    """The interval of candidate time / baseline time at a confidence."""
    low, high = paired.ratio_low, paired.ratio_high
    if abs(confidence - (1 - ALPHA)) > 1e-9:
        interval = median_interval(paired.log_ratios, 1 - confidence)
        low, high = (math.exp(end) if end < math.inf else math.inf for end in (interval.low, interval.high))
    reason = paired.reason
    if paired.stopped_by == "interrupt":
        reason = "; ".join(part for part in ("timing was interrupted", reason) if part)
    return Found(
        low=low,
        high=high,
        value=paired.ratio,
        candidate=paired.candidate_ms,
        baseline=paired.baseline_ms,
        reason=reason,
        doubted=_is_doubted(paired),
        pairs=paired.pairs,
    )


def _is_doubted(paired: PairedLatency) -> bool:
    """Whether the measurement took its own verdict back: a throttled card, or cycles that contradict the time."""
    if verdict(paired.ratio, paired.ratio_low, paired.ratio_high) != paired.verdict:
        return True
    return paired.gpu is not None and (paired.gpu.confirmed is False or paired.gpu.dropped_share >= 1)


def _ratio(figure: Fraction | None, base: Fraction | None) -> Fraction | None:
    if figure is None or base is None:
        return None
    if base == 0:
        return Fraction(1) if figure == 0 else None
    return figure / base


def _memory(result: ProfileResult) -> tuple[Fraction | None, str]:
    """Weights and the most bytes that one forward holds beside them."""
    memory = result.memory
    if memory is None or memory.peak_activation_bytes is None:
        return None, "not measured" if memory is None else memory.method
    return Fraction(memory.parameter_bytes + memory.peak_activation_bytes), ""


def _flops(convention: str, result: ProfileResult) -> tuple[Fraction | None, str]:
    counts = result.counts
    if convention in ("flops", "executed"):
        return Fraction(2 * (counts.macs if convention == "flops" else counts.executed)), ""
    if convention == "ultralytics":
        if counts.ultralytics_gflops is None:
            return None, "Ultralytics has no figure for this network"
        return Fraction(repr(counts.ultralytics_gflops)) * GIGA, counts.misleading
    figures = () if result.detail is None else result.detail.figures
    for figure in figures:
        if figure.convention == convention and not figure.fused:
            if figure.value is None:
                return None, figure.note or f"{convention} has no figure for this network"
            factor = 2 if figure.unit == "MACs" else 1
            return Fraction(figure.value) * factor, figure.note
    return None, f"this result holds no figure of the convention {convention}: save it with --conventions"
