"""Results as flat records with units in the names: for CSV files, data frames and other people's scripts.

Raw values, never rounded: MACs as counted, bytes, milliseconds. Every record of a kind has the same keys in the same
order; what was not measured is None.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from surgeon.errors import InputError, MissingDependencyError
from surgeon.profiler.results import Comparison, LayerProfile, PairedLatency, ProfileResult
from surgeon.report import units
from surgeon.report.alignment import align
from surgeon.report.comparison import candidate_labels
from surgeon.report.rows_tables import sources

if TYPE_CHECKING:
    from pandas import DataFrame

Record = dict[str, Any]
Measured = ProfileResult | Comparison


def records(results: Iterable[Measured], by: str = "networks") -> list[Record]:
    """Records of results.

    Args:
        results: Profiles and comparisons.
        by: ``networks`` or ``rows``.

    Raises:
        InputError: ``by`` is neither.
    """
    if by not in ("networks", "rows"):
        raise InputError(f"by={by!r}: records are by 'networks' or by 'rows'")
    return network_records(results) if by == "networks" else row_records(results)


def data_frame(found: list[Record]) -> DataFrame:
    """Records as a pandas data frame; columns of whole numbers keep their type where something is missing.

    Raises:
        MissingDependencyError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise MissingDependencyError(
            "a data frame needs pandas: pip install pandas; records() works without"
        ) from error
    return pandas.DataFrame(found).convert_dtypes()


def network_records(results: Iterable[Measured]) -> list[Record]:
    """One record a network.

    Args:
        results: Profiles and comparisons; of a comparison the baseline comes first.
    """
    records: list[Record] = []
    for result in results:
        if isinstance(result, ProfileResult):
            records.append({**_network(result, result.name, ""), **_against(result, None, None)})
            continue
        baseline, labels = result.results[0], candidate_labels(result.results)
        pairs = (None, *(result.paired or (None,) * (len(result.results) - 1)))
        for label, network, pair in zip(labels, result.results, pairs, strict=True):
            role = "baseline" if network is baseline else "candidate"
            against = None if network is baseline else baseline
            records.append({**_network(network, label, role), **_against(network, against, pair)})
    return records


def row_records(results: Iterable[Measured]) -> list[Record]:
    """One record a row of each network, removed rows of a comparison included."""
    records: list[Record] = []
    for result in results:
        if isinstance(result, ProfileResult):
            records += [_row(result, result.name, "", row) for row in result.layers]
            continue
        baseline, labels = result.results[0], candidate_labels(result.results)
        records += [_row(baseline, labels[0], "", row) for row in baseline.layers]
        renames = result.renames or ({},) * (len(labels) - 1)
        for label, network, names in zip(labels[1:], result.results[1:], renames, strict=True):
            records += _compared(label, baseline, network, names)
    return records


def _compared(label: str, baseline: ProfileResult, network: ProfileResult, names: dict[str, str]) -> Iterator[Record]:
    for pair in align(baseline.layers, network.layers, names):
        row = pair.after or pair.before
        assert row is not None
        yield _row(network, label, "same" if pair.status.value == "normal" else pair.status.value, row)


def _network(result: ProfileResult, label: str, role: str) -> Record:
    settings, counts, latency, memory = result.settings, result.counts, result.latency, result.memory
    return {
        "model": label,
        "role": role,
        "source": result.source,
        "task": result.task,
        "image_height_px": settings.imgsz[0],
        "image_width_px": settings.imgsz[1],
        "batch": settings.batch,
        "device": settings.device,
        "dtype": settings.dtype,
        "threads": settings.threads,
        "fused": settings.fused,
        "params": result.params,
        "trainable_params": result.trainable_params,
        "macs": counts.macs,
        "gflops": float(units.gflops_of(counts.macs)),
        "executed_macs": counts.executed,
        "elementwise_macs": sum(counts.elementwise_macs.values()),
        "ultralytics_gflops": counts.ultralytics_gflops,
        "peak_activation_bytes": None if memory is None else memory.peak_activation_bytes,
        "peak_without_scratch_bytes": None if memory is None else memory.without_scratch_bytes,
        "parameter_bytes": None if memory is None else memory.parameter_bytes,
        "latency_median_ms": None if latency is None else latency.median_ms,
        "latency_q1_ms": None if latency is None else latency.q1_ms,
        "latency_q3_ms": None if latency is None else latency.q3_ms,
        "latency_p90_ms": None if latency is None else latency.p90_ms,
        "latency_p99_ms": None if latency is None else latency.p99_ms,
        "latency_runs": None if latency is None else len(latency.samples_ms),
    }


def _against(result: ProfileResult, baseline: ProfileResult | None, pair: PairedLatency | None) -> Record:
    """What a candidate is beside its baseline: exact ratios, and the paired times where there are some."""
    return {
        "baseline": None if baseline is None else baseline.name,
        "params_ratio": None if baseline is None else units.ratio_of(result.params, baseline.params),
        "macs_ratio": None if baseline is None else units.ratio_of(result.counts.macs, baseline.counts.macs),
        "paired_baseline_ms": None if pair is None else pair.baseline_ms,
        "paired_ms": None if pair is None else pair.candidate_ms,
        "latency_ratio": None if pair is None else pair.ratio,
        "latency_ratio_low95": None if pair is None else pair.ratio_low,
        "latency_ratio_high95": None if pair is None else pair.ratio_high,
        "latency_verdict": None if pair is None else pair.verdict,
        "latency_pairs": None if pair is None else pair.pairs,
    }


def _row(result: ProfileResult, label: str, change: str, row: LayerProfile) -> Record:
    return {
        "model": label,
        "change": change,
        "image_height_px": result.settings.imgsz[0],
        "image_width_px": result.settings.imgsz[1],
        "batch": result.settings.batch,
        "row": row.index,
        "site": row.site,
        "kind": row.kind,
        "inputs": sources(row.inputs).replace(",", " "),
        "out_shape": "" if row.out_shape is None else "x".join(map(str, row.out_shape)),
        "planted": row.planted,
        "params": row.params,
        "trainable_params": row.trainable_params,
        "macs": row.macs,
        "gflops": float(units.gflops_of(row.macs)),
        "executed_macs": row.executed,
        "elementwise_macs": row.elementwise_macs,
        "elementwise_flops": row.elementwise_flops,
        "read_bytes": row.read_bytes,
        "written_bytes": row.written_bytes,
        "latency_ms": row.latency_ms,
        "latency_plus_minus_ms": row.latency_plus_minus_ms,
        "kernel_busy_ms": row.kernel_busy_ms,
    }
