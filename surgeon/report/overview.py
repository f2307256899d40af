"""Several candidates in one table: a row a network, each figure with its change against the baseline in per cent.

Counted figures and timed ones are told apart: a time that was not taken in pairs has no per cent and no verdict.
"""

from __future__ import annotations

from collections.abc import Sequence

from surgeon.report import units
from surgeon.report.comparison import NOT_PAIRED, Judgement, Metric, judged_texts
from surgeon.report.tables import Column, Emphasis, Row, Table

_SHOWN = {"params": "params", "gflops": "GFLOPs", "peak_activation_bytes": "peak", "latency_ms": "latency"}
_WIDE = ("peak_activation_bytes",)


def overview(found: Sequence[Metric], labels: Sequence[str]) -> Table:
    """The networks of a comparison, the baseline first.

    Args:
        found: The metrics of the comparison.
        labels: A name for each network.
    """
    shown = [metric for metric in found if metric.key in _SHOWN and _is_known(metric)]
    timed = any(metric.timed for metric in shown)
    columns = [Column(title="network", shrink_to=10, whole=True)]
    for metric in shown:
        wide = metric.key in _WIDE
        columns.append(Column(title=_SHOWN[metric.key], role="number", wide=wide))
        columns.append(Column(title="%", role="number", wide=wide))
    columns += [Column(title="latency is", role="verdict")] * timed
    texts = [judged_texts(metric, metric.judgements) for metric in shown]
    rows = [_row(at, label, shown, texts, timed) for at, label in enumerate(labels)]
    how = "; latency is timed, all else exact" if timed else "; all are exact"
    return Table(title=f"% against {labels[0]}{how}", columns=tuple(columns), rows=tuple(rows))


def _is_known(metric: Metric) -> bool:
    return any(one.before is not None or one.after is not None for one in metric.judgements)


def _row(at: int, label: str, shown: Sequence[Metric], texts: Sequence[tuple[str, ...]], timed: bool) -> Row:
    cells = [label]
    for metric, values in zip(shown, texts, strict=True):
        cells += [values[at], _percent(metric.judgements[at - 1]) if at else ""]
    if timed:
        cells.append(shown[-1].judgements[at - 1].verdict if at else "")
    return Row(cells=tuple(cells), emphasis=Emphasis.NORMAL)


def _percent(judgement: Judgement) -> str:
    """``+51.9``; nothing where the figures come from different measurements or one is missing."""
    if judgement.verdict == NOT_PAIRED or judgement.ratio is None:
        return units.NOTHING
    return "0" if judgement.ratio == 1 else units.percent(judgement.ratio - 1, signed=True).removesuffix(" %")
