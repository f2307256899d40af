"""The table of a paper: method, parameters, GFLOPs, latency, and mAP where it is given. LaTeX with booktabs.

Exact figures and timed ones are told apart in the caption, and a latency without pairs gets no ratio.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from surgeon.profiler.results import Comparison, PairedLatency, ProfileResult
from surgeon.report import units
from surgeon.report.comparison import candidate_labels, judged_texts, metrics
from surgeon.report.formats.latex_text import escape
from surgeon.report.records import Measured

_NONE = "--"


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    cells: tuple[str, ...]


def ablation(results: Sequence[Measured], scores: Mapping[str, float]) -> str:
    """One table a comparison; profiles that stand alone share one.

    Args:
        results: At least one.
        scores: mAP by display name, in per cent.
    """
    alone = tuple(one for one in results if isinstance(one, ProfileResult))
    tables = [_table(*_alone(alone), scores)] if alone else []
    tables += [_table(*_compared(one), scores) for one in results if isinstance(one, Comparison)]
    return "\n".join(tables)


def _alone(results: tuple[ProfileResult, ...]) -> tuple[list[str], list[_Column], str]:
    """Profiles side by side; what distinguishes their settings has a column."""
    labels = [result.name for result in results]
    columns = []
    if len({result.settings.imgsz for result in results}) > 1:
        columns.append(_Column("Input", tuple(units.image_size(one.settings.imgsz) for one in results)))
    if len({result.settings.batch for result in results}) > 1:
        columns.append(_Column("Batch", tuple(str(one.settings.batch) for one in results)))
    columns += _counted(results)
    times = [None if one.latency is None else one.latency.median_ms for one in results]
    if any(time is not None for time in times):
        columns.append(_Column("Latency (ms)", tuple(_ms(units.ms(time)) for time in times)))
    timing = "latency is the median of one run of measurements each" if len(columns) > 2 and any(times) else ""
    differ = any(one.settings.differences(results[0].settings) for one in results)
    return labels, columns, _caption(results[0], timing, "each row's input" if differ else "")


def _compared(comparison: Comparison) -> tuple[list[str], list[_Column], str]:
    """A baseline and its candidates; latencies of pairs have their ratio beside them."""
    results, latency = comparison.results, metrics(comparison)[-1]
    columns = _counted(results)
    timing = ""
    if any(one.before is not None or one.after is not None for one in latency.judgements):
        texts = judged_texts(latency, latency.judgements)
        columns.append(_Column("Latency (ms)", tuple(_ms(text) for text in texts)))
        timing = "latency is a median of separate runs, which says nothing about small differences"
    if comparison.paired:
        columns.append(_Column("Ratio [95\\,\\% CI]", ("1", *map(_ratio, comparison.paired))))
        pairs = sorted({one.pairs for one in comparison.paired})
        number = str(pairs[0]) if len(pairs) == 1 else f"{pairs[0]} to {pairs[-1]}"
        timing = f"latency is a median, its ratio to the first row the median of {number} randomly ordered pairs"
    return list(candidate_labels(results)), columns, _caption(results[0], timing)


def _counted(results: Sequence[ProfileResult]) -> list[_Column]:
    params = units.side_by_side([one.params for one in results], units.millions)
    flops = units.side_by_side([one.counts.macs for one in results], units.gflops)
    return [_Column("Params (M)", params), _Column("GFLOPs", flops)]


def _caption(result: ProfileResult, timing: str, of: str = "") -> str:
    """The conditions: what is counted is exact, what is timed is of a machine."""
    settings = result.settings
    height, width = settings.imgsz
    of = of or f"{units.plural(settings.batch, 'image')} of {height}×{width}"
    counted = f"Parameters and GFLOPs (1 MAC = 2 FLOPs, without elementwise work) are counted, of {of}"
    if not timing:
        return f"{counted}."
    machine = result.environment.gpu or result.environment.cpu
    threads = "" if settings.device.startswith("cuda") else f", {units.plural(settings.threads, 'thread')}"
    return f"{counted}; {timing} ({machine}{threads}, {settings.dtype}{', fused' * settings.fused})."


def _ratio(paired: PairedLatency) -> str:
    """``1.170 [1.133, 1.204]``; of too few pairs the ratio alone."""
    middle, low, high = (
        escape(units.ratio(value).removesuffix("x")) for value in (paired.ratio, paired.ratio_low, paired.ratio_high)
    )
    bounded = paired.ratio_low > 0 and math.isfinite(paired.ratio_high)
    return f"{middle} [{low}, {high}]" if bounded else middle


def _ms(text: str) -> str:
    """``29.31`` of ``29.31 ms``; a range of baselines keeps its dash."""
    return _NONE if text == units.NOT_MEASURED else text.removesuffix(" ms").replace("-", "--")


def _table(labels: list[str], columns: list[_Column], caption: str, scores: Mapping[str, float]) -> str:
    if scores:
        found = (scores.get(label) for label in labels)
        columns = [*columns, _Column("mAP (\\%)", tuple(_NONE if one is None else f"{one:.1f}" for one in found))]
    heads = " & ".join(["Method", *(column.title for column in columns)])
    lines = [
        r"\begin{table}[t]",
        r"  \centering\small\setlength{\tabcolsep}{3pt}",
        rf"  \caption{{{escape(caption)}}}\vspace{{1ex}}",
        rf"  \begin{{tabular}}{{@{{}}l{'r' * len(columns)}@{{}}}}",
        r"    \toprule",
        rf"    {heads} \\",
        r"    \midrule",
    ]
    for at, label in enumerate(labels):
        lines.append(rf"    {' & '.join([escape(label), *(column.cells[at] for column in columns)])} \\")
    return "\n".join([*lines, r"    \bottomrule", r"  \end{tabular}", r"\end{table}"]) + "\n"
