"""A comparison as a document: the metrics, the rows that changed, and what the reader must know to trust them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from surgeon.profiler.results import Comparison, PairedLatency, ProfileResult
from surgeon.report import units
from surgeon.report.comparison import (
    NOT_PAIRED,
    Judgement,
    Metric,
    candidate_labels,
    judged_texts,
    metrics,
    paired_command,
)
from surgeon.report.environment import environment_sentence
from surgeon.report.fused import fused_sentences
from surgeon.report.gpu import comparison_sentences, pair_sentences
from surgeon.report.overview import overview
from surgeon.report.profile_tables import COUNTED, settings_line
from surgeon.report.roofline import roof_sentences
from surgeon.report.row_difference import row_difference
from surgeon.report.rows_tables import changed_rows, unit_of
from surgeon.report.scratch import scratch_sentences
from surgeon.report.tables import Cell, Column, Document, Emphasis, Notes, Part, Row, Table
from surgeon.report.units import NOT_MEASURED, NOTHING, Number

_ODD_RATIO = 0.005
_CHANGES = (Emphasis.CHANGED, Emphasis.ADDED, Emphasis.REMOVED)
_JUDGED = (
    Column(title="delta", role="number"),
    Column(title="ratio", role="number"),
    Column(title="verdict", role="verdict"),
    Column(title="95 % CI of ratio", role="number", wide=True),
    Column(title="method", wide=True, shrink_to=10),
)


def comparison_document(comparison: Comparison, *, all_rows: bool = False) -> Document:
    """The report of a comparison.

    Args:
        comparison: Baseline and candidates.
        all_rows: Show every row of the networks, not only those that changed.

    Raises:
        InputError: The settings differ, or there is nothing to compare.
    """
    found = metrics(comparison)
    labels = candidate_labels(comparison.results)
    summary = (_two_columns(found),) if len(labels) == 2 else (overview(found, labels), _grouped(found, labels))
    renames = comparison.renames or ({},) * (len(labels) - 1)
    rows = [
        _rows(comparison.results[0], result, names, label, all_rows, one_of_many=len(labels) > 2)
        for result, names, label in zip(comparison.results[1:], renames, labels[1:], strict=True)
    ]
    return Document(
        title=f"{labels[0]} -> {', '.join(labels[1:])}",
        lines=(settings_line(comparison.results[0].settings), COUNTED),
        parts=(*summary, *_gathered(rows), _notes(comparison, found, labels)),
    )


def _rows(
    baseline: ProfileResult,
    candidate: ProfileResult,
    renames: Mapping[str, str],
    label: str,
    all_rows: bool,
    *,
    one_of_many: bool,
) -> Table | Notes:
    """The table of changed rows, or the sentence that there are none, or too many for one network among several."""
    table = changed_rows(baseline, candidate, renames, label=label, all_rows=all_rows)
    unit = unit_of(candidate.layers)
    if one_of_many and not all_rows and 2 * len(table.rows) > len(candidate.layers):
        counts = ((status, sum(row.emphasis is status for row in table.rows)) for status in _CHANGES)
        said = ", ".join(f"{number} {status}" for status, number in counts if number)
        return Notes(title="", sentences=(f"{unit}s of {label}: {said}; --all lists every {unit}",))
    unchanged = f"no {unit} of {label} differs in kind, inputs, shape, params or MACs"
    return table if table.rows else Notes(title="", sentences=(unchanged,))


def _gathered(parts: Sequence[Table | Notes]) -> Iterator[Part]:
    """The same parts, sentences that follow each other as one part; renderers leave empty ones out."""
    said: list[str] = []
    for part in parts:
        if isinstance(part, Notes):
            said += part.sentences
            continue
        yield Notes(title="", sentences=tuple(said))
        yield part
        said = []
    yield Notes(title="", sentences=tuple(said))


def _two_columns(found: tuple[Metric, ...]) -> Table:
    """One candidate: before and after side by side."""
    rows = []
    for metric in found:
        judgement = metric.judgements[0]
        before, after = judged_texts(metric, (judgement,))
        rows.append(Row(cells=(metric.title, before, after, *_judged(metric, judgement))))
    columns = (Column(title=""), Column(title="before", role="number"), Column(title="after", role="number"), *_JUDGED)
    return Table(title="", columns=columns, rows=tuple(rows))


def _grouped(found: tuple[Metric, ...], labels: tuple[str, ...]) -> Table:
    """Several candidates: for each metric the baseline, then a row a candidate."""
    rows = []
    for metric in found:
        before, *after = judged_texts(metric, metric.judgements)
        if all(one.before is None and one.after is None for one in metric.judgements):
            rows.append(Row(cells=(metric.title, "", NOT_MEASURED, *("",) * len(_JUDGED))))
            continue
        rows.append(Row(cells=(metric.title, labels[0], before, *("",) * len(_JUDGED))))
        rows += [
            Row(cells=("", label, text, *_judged(metric, judgement)))
            for label, text, judgement in zip(labels[1:], after, metric.judgements, strict=True)
        ]
    columns = (
        Column(title="", shrink_to=18, wrap=True),
        Column(title="model", shrink_to=12, whole=True),
        Column(title="value", role="number"),
        *_JUDGED,
    )
    return Table(title="", columns=columns, rows=tuple(rows))


def _judged(metric: Metric, judgement: Judgement) -> tuple[Cell, ...]:
    """Difference, ratio, verdict, interval and method of one candidate."""
    if judgement.verdict == NOT_PAIRED:
        return (NOTHING, NOTHING, NOT_PAIRED, NOTHING, judgement.method)
    measured = judgement.before is not None and judgement.after is not None
    return (
        units.change(_paired_after(judgement) if metric.timed else judgement.after, judgement.before, metric.form),
        units.ratio(judgement.ratio),
        judgement.verdict or NOTHING,
        _interval(judgement) if measured else NOTHING,
        judgement.method if measured else NOTHING,
    )


def _paired_after(judgement: Judgement) -> Number | None:
    """The baseline's time times the ratio of the pairs: the two medians may differ the other way."""
    if judgement.before is None or judgement.ratio is None:
        return judgement.after
    return judgement.before * judgement.ratio


def _interval(judgement: Judgement) -> str:
    if judgement.low is None or judgement.high is None:
        return "exact"
    if not _is_bounded(judgement.low, judgement.high):
        return "none yet"
    return " - ".join(units.ratio(bound).removesuffix("x") for bound in (judgement.low, judgement.high))


def _is_bounded(low: float, high: float) -> bool:
    """Whether there were enough pairs for an interval at all."""
    return low > 0 and math.isfinite(high)


def _notes(comparison: Comparison, found: tuple[Metric, ...], labels: tuple[str, ...]) -> Notes:
    """The sentences under the tables."""
    sentences: list[str] = []
    for label, paired in zip(labels[1:], comparison.paired, strict=False):
        sentences += _paired_sentences(f"latency of {label}" if len(labels) > 2 else "latency", paired)
        sentences += pair_sentences(f"latency of {label}" if len(labels) > 2 else "latency", paired.gpu)
    if any(abs(one.candidate_ms / one.baseline_ms - one.ratio) > _ODD_RATIO for one in comparison.paired):
        sentences.append("Delta, ratio and interval come from the pairs; before and after are each side's own median.")
    for number, paired in enumerate(comparison.paired, start=1):
        renames = comparison.renames[number - 1] if comparison.renames else None
        explained = row_difference(comparison.results[0], comparison.results[number], paired, renames)
        if explained:
            sentences.append(f"{labels[number]}: {explained}" if len(labels) > 2 else explained.capitalize())
    if found[-1].timed and not found[-1].comparable:
        sentences.append(
            "These latencies were measured in separate runs, so there is no verdict: the same network timed twice "
            f"differs by more than most edits. For a verdict, time them in pairs: {paired_command(comparison)}"
        )
    if any(judgement.before is not None or judgement.after is not None for judgement in found[-1].judgements):
        sentences.append(latency_scope(comparison.results[0]))
    sentences += fused_sentences(comparison.results)
    sentences += scratch_sentences(comparison.results)
    sentences += comparison_sentences(comparison, labels)
    sentences += roof_sentences(comparison, labels)
    sentences += _count_sentences(comparison, labels)
    if comparison.results[0].settings.batch > 1:
        sentences.append("GFLOPs Ultralytics is of one image, whatever the batch; the exact figure is of the batch.")
    for label, result in zip(labels, comparison.results, strict=False):
        if result.counts.misleading:
            sentences.append(f"{label}: {result.counts.misleading}")
    sentences += _environment_sentences(comparison, labels)
    sentences += [*comparison.notes, *_reproducing(comparison)]
    return Notes(title="", sentences=tuple(sentences))


def _reproducing(comparison: Comparison) -> list[str]:
    """Where it was measured, and the command that measures it again."""
    command = f"Reproduce: {comparison.command}" if comparison.command else ""
    machine = environment_sentence(comparison.results[0].environment) if comparison.paired else ""
    return [text for text in (machine, command) if text]


def latency_scope(result: ProfileResult) -> str:
    """What the latency covers."""
    fused = "fused (BatchNorm folded)" if result.settings.fused else "not fused"
    return f"Latency covers the forward pass with head decoding, {fused}, without image preprocessing and NMS."


def _paired_sentences(label: str, paired: PairedLatency) -> list[str]:
    """Say it as ``latency +13.7 % [+11.2 %, +16.1 %]: slower; 120 pairs in 8.2 s``."""
    middle, low, high = (
        units.percent(value - 1, signed=True) for value in (paired.ratio, paired.ratio_low, paired.ratio_high)
    )
    bounded = _is_bounded(paired.ratio_low, paired.ratio_high)
    interval = f"[{low}, {high}]" if bounded else "(too few pairs for an interval)"
    stopped = {"budget": ", stopped by the time budget", "interrupt": ", interrupted"}.get(paired.stopped_by, "")
    pairs = units.plural(paired.pairs, "randomly ordered pair")
    sentence = f"{label} {middle} {interval}: {paired.verdict}; {pairs} in {paired.elapsed_s:.1f} s{stopped}."
    return [text for text in (sentence, paired.reason) if text]


def _count_sentences(comparison: Comparison, labels: tuple[str, ...]) -> list[str]:
    """Operators that no formula covers make the GFLOPs a lower bound: say so."""
    return [
        f"{label}: {units.plural(len(result.counts.uncounted), 'operator')} without a formula, so its GFLOPs are a "
        f"lower bound: {', '.join(result.counts.uncounted)}."
        for label, result in zip(labels, comparison.results, strict=True)
        if result.counts.uncounted
    ]


def _environment_sentences(comparison: Comparison, labels: tuple[str, ...]) -> list[str]:
    """Where the results come from different machines or software."""
    first = comparison.results[0].environment
    sentences = []
    for label, result in zip(labels[1:], comparison.results[1:], strict=True):
        other = result.environment
        differs = [
            name for name in ("cpu", "gpu", "platform", "python") if getattr(first, name) != getattr(other, name)
        ]
        names = sorted(first.packages.keys() | other.packages.keys())
        differs += [name for name in names if first.packages.get(name) != other.packages.get(name)]
        if differs:
            sentences.append(
                f"{label} was measured in another environment than {labels[0]}: {', '.join(differs)} differ."
            )
    return sentences
