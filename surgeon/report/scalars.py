"""Results as named numbers, for TensorBoard and for experiment loggers. The unit stands in the name.

Names hold letters, digits, ``_`` and ``/`` only, which every logger takes.
"""

from __future__ import annotations

from collections.abc import Mapping

from surgeon.profiler.results import Comparison, PairedLatency, ProfileResult
from surgeon.report import units

PREFIX = "surgeon/"
BASELINE = "baseline/"


def profile_scalars(result: ProfileResult) -> dict[str, float]:
    """The figures of one network; what was not measured is left out.

    ``gflops`` is 2 x the MACs of the definitions, ``gflops_executed`` 2 x the MACs that ran, ``gflops_ultralytics``
    what the installed ``model.info()`` prints.
    """
    counts, latency, memory = result.counts, result.latency, result.memory
    found: dict[str, float | None] = {
        "params": result.params,
        "trainable_params": result.trainable_params,
        "gmacs": counts.macs / 1e9,
        "gflops": float(units.gflops_of(counts.macs)),
        "gflops_executed": float(units.gflops_of(counts.executed)),
        "gflops_ultralytics": counts.ultralytics_gflops,
        "parameters_MiB": None if memory is None else memory.parameter_bytes / units.MIB,
        "peak_activation_MiB": None,
        "latency_median_ms": None if latency is None else latency.median_ms,
        "latency_p90_ms": None if latency is None else latency.p90_ms,
    }
    if memory is not None and memory.peak_activation_bytes is not None:
        found["peak_activation_MiB"] = memory.peak_activation_bytes / units.MIB
    return _named("", found)


def candidate_scalars(comparison: Comparison, candidate: int = 1) -> dict[str, float]:
    """The figures of a candidate, those of its baseline, and the ratios between them.

    Args:
        comparison: The comparison.
        candidate: Its place in ``comparison.results``, from 1.
    """
    before, after = comparison.results[0], comparison.results[candidate]
    ratios: dict[str, float | None] = {
        "params_ratio": units.ratio_of(after.params, before.params),
        "gflops_ratio": units.ratio_of(after.counts.macs, before.counts.macs),
        "gflops_ultralytics_ratio": units.ratio_of(after.counts.ultralytics_gflops, before.counts.ultralytics_gflops),
        **_paired(comparison.paired[candidate - 1] if comparison.paired else None),
    }
    baseline = {name.removeprefix(PREFIX): value for name, value in profile_scalars(before).items()}
    return {**profile_scalars(after), **_named(BASELINE, baseline), **_named("", ratios)}


def row_scalars(result: ProfileResult) -> dict[str, dict[int, float]]:
    """Figures by row: for each name its values by row number."""
    return {
        f"{PREFIX}rows/params": {row.index: row.params for row in result.layers},
        f"{PREFIX}rows/gflops": {row.index: float(units.gflops_of(row.macs)) for row in result.layers},
        f"{PREFIX}rows/latency_ms": {row.index: row.latency_ms for row in result.layers if row.latency_ms is not None},
    }


def _paired(pair: PairedLatency | None) -> dict[str, float | None]:
    """The paired times, None where there are none."""
    if pair is None:
        return {}
    return {
        "latency_ratio": pair.ratio,
        "latency_ratio_low95": pair.ratio_low,
        "latency_ratio_high95": pair.ratio_high,
    }


def _named(below: str, found: Mapping[str, float | None]) -> dict[str, float]:
    return {f"{PREFIX}{below}{name}": float(value) for name, value in found.items() if value is not None}
