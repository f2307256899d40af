"""What a comparison says, metric by metric: values, difference, ratio, interval, verdict. Pure, no text layout.

Exact figures get the words more, less, same. Timed ones get the word of their paired measurement, and none at all
when the two times come from separate runs: the same network timed twice differs by more than most edits.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from surgeon.errors import InputError
from surgeon.profiler.results import Comparison, PairedLatency, ProfileResult
from surgeon.profiler.settings import ProfileSettings
from surgeon.report import units
from surgeon.report.scratch import held_peaks
from surgeon.report.units import Format, Number

NOT_PAIRED = "not paired"
_TIMED_EXTRA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One candidate against the baseline in one metric.

    Attributes:
        before, after: Baseline's and candidate's figure, None where not measured.
        ratio: after / before; for paired times the median of the pairs' ratios.
        low, high: Interval of the ratio, None for exact figures.
        verdict: more, less, same; or slower, faster, same, tiny, inconclusive; empty where nothing can be said.
        method: How the figure was found.
    """

    before: Number | None
    after: Number | None
    ratio: float | None
    verdict: str
    method: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One row of the comparison: a judgement for each candidate.

    Attributes:
        key: Stable name (``params``).
        title: What the reader sees, the unit included where the values do not carry it.
        form: How its values become text.
        timed: Whether it is a measured time, not an exact figure.
    """

    key: str
    title: str
    form: Format
    judgements: tuple[Judgement, ...]
    timed: bool = False

    @property
    def comparable(self) -> bool:
        """Whether difference and ratio mean anything: not for times of separate runs."""
        return all(judgement.verdict != NOT_PAIRED for judgement in self.judgements)


def require_comparable(comparison: Comparison) -> None:
    """Refuse what cannot be compared.

    Raises:
        InputError: Settings differ (the message names which), or there is nothing to compare.
    """
    if len(comparison.results) < 2:
        raise InputError("a comparison needs a baseline and at least one candidate")
    if comparison.paired and len(comparison.paired) != len(comparison.results) - 1:
        raise InputError(f"{len(comparison.results) - 1} candidates, but {len(comparison.paired)} paired latencies")
    baseline = comparison.results[0]
    for candidate in comparison.results[1:]:
        names = baseline.settings.differences(candidate.settings)
        if names:
            said = ", ".join(_difference(name, baseline.settings, candidate.settings) for name in names)
            raise InputError(
                f"{baseline.name} and {candidate.name} cannot be compared, they were measured with different "
                f"settings: {said}. Measure both with the same settings."
            )


def metrics(comparison: Comparison) -> tuple[Metric, ...]:
    """The metric rows of a comparison, in the order of the report.

    Raises:
        InputError: As `require_comparable`.
    """
    require_comparable(comparison)
    results = comparison.results
    rows = [_exact("params", "params", units.parameters, results, lambda r: r.params)]
    rows.append(_exact("gflops", "GFLOPs exact", units.gflops, results, lambda r: r.counts.macs))
    if any(result.counts.executed != result.counts.macs for result in results):
        rows.append(_exact("executed", "GFLOPs executed", units.gflops, results, lambda r: r.counts.executed))
    if any(result.counts.ultralytics_gflops is not None for result in results):
        info = _exact("ultralytics", "GFLOPs Ultralytics", units.giga, results, lambda r: r.counts.ultralytics_gflops)
        rows.append(_with_method(info, "model.info()"))
    rows += [_elementwise(name, results) for name in elementwise_names(results)]
    rows += [_memory(results), _latency(comparison)]
    return tuple(rows)


def elementwise_names(results: tuple[ProfileResult, ...]) -> tuple[str, ...]:
    """Names of the elementwise work that any of the results has."""
    return tuple(dict.fromkeys(name for result in results for name in result.counts.elementwise_macs))


class Named(Protocol):
    """A result with a display name and where it came from."""

    @property
    def name(self) -> str:
        """Display name."""

    @property
    def source(self) -> str:
        """Path or YAML name."""


def candidate_labels(results: Sequence[Named]) -> tuple[str, ...]:
    """A name for each result, by which the reader can tell them apart."""
    names = [result.name for result in results]
    if len(set(names)) == len(names):
        return tuple(names)
    sources = [result.source for result in results]
    if len(set(sources)) == len(sources):
        return tuple(sources)
    return tuple(f"{name} ({number})" for number, name in enumerate(names))


def paired_command(comparison: Comparison) -> str:
    """The command that times these models in pairs, under the same settings."""
    settings, usual = comparison.results[0].settings, ProfileSettings()
    words = ["surgeon", "compare", *(result.source for result in comparison.results)]
    if settings.imgsz != usual.imgsz:
        height, width = settings.imgsz
        words += ["--imgsz", str(height) if height == width else units.image_size(settings.imgsz)]
    words += [] if settings.batch == usual.batch else ["--batch", str(settings.batch)]
    words += [] if settings.device == usual.device else ["--device", settings.device]
    words += ["--half"] * (settings.dtype == "float16") + ["--cold"] * settings.cold
    words += [] if settings.threads == usual.threads else ["--threads", str(settings.threads)]
    return shlex.join(words)


def judged_texts(metric: Metric, judgements: tuple[Judgement, ...]) -> tuple[str, ...]:
    """The baseline's text, then the candidates'. Each paired run times the baseline again: the range is shown."""
    starts = tuple(dict.fromkeys(judgement.before for judgement in judgements))
    values = (*starts, *(judgement.after for judgement in judgements))
    most_extra = {"most_extra": _TIMED_EXTRA} if metric.timed else {}
    texts = units.side_by_side(values, metric.form, **most_extra)
    if len(starts) == 1:
        return texts
    ordered = sorted(zip(starts, texts, strict=False), key=lambda pair: (pair[0] is None, pair[0]))
    return (f"{ordered[0][1].removesuffix(' ms')}-{ordered[-1][1]}", *texts[len(starts) :])


def exact_verdict(after: Number | None, before: Number | None) -> str:
    """More, less or same; empty where a side is missing."""
    if after is None or before is None:
        return ""
    if after == before:
        return "same"
    return "more" if after > before else "less"


def _difference(name: str, ours: ProfileSettings, theirs: ProfileSettings) -> str:
    """``imgsz (640x640 and 320x320)``."""
    values = (getattr(ours, name), getattr(theirs, name))
    left, right = (units.image_size(value) if name == "imgsz" else str(value) for value in values)
    return f"{name} ({left} and {right})"


def _exact(
    key: str,
    title: str,
    form: Format,
    results: tuple[ProfileResult, ...],
    value: Callable[[ProfileResult], Number | None],
) -> Metric:
    """A metric of exact figures."""
    before = value(results[0])
    judgements = tuple(
        Judgement(
            before=before,
            after=value(result),
            ratio=units.ratio_of(value(result), before),
            verdict=exact_verdict(value(result), before),
            method="counted",
        )
        for result in results[1:]
    )
    return Metric(key=key, title=title, form=form, judgements=judgements)


def _with_method(metric: Metric, method: str) -> Metric:
    judgements = tuple(
        Judgement(before=one.before, after=one.after, ratio=one.ratio, verdict=one.verdict, method=method)
        for one in metric.judgements
    )
    return Metric(key=metric.key, title=metric.title, form=metric.form, judgements=judgements, timed=metric.timed)


def _elementwise(name: str, results: tuple[ProfileResult, ...]) -> Metric:
    """Elementwise work of a definition; a network without it has none, which is an exact 0."""
    return _exact(
        f"elementwise:{name}", f"GFLOPs {name}", units.gflops, results, lambda r: r.counts.elementwise_macs.get(name, 0)
    )


def _memory(results: tuple[ProfileResult, ...]) -> Metric:
    """Peak activation memory without scratch buffers; figures found by different methods get no verdict."""
    title = "peak activations"
    held = dict(zip(map(id, results), held_peaks(results), strict=True))
    metric = _exact("peak_activation_bytes", title, units.mib, results, lambda result: held[id(result)])
    methods = {result.memory.method for result in results if result.memory is not None}
    if len(methods) < 2:
        return _with_method(metric, methods.pop() if methods else "")
    judgements = tuple(
        Judgement(before=one.before, after=one.after, ratio=None, verdict=NOT_PAIRED, method="methods differ")
        for one in metric.judgements
    )
    return Metric(key=metric.key, title=title, form=units.mib, judgements=judgements)


def _latency(comparison: Comparison) -> Metric:
    """Latency: from pairs with the verdict of the pairs, else side by side without one."""
    if comparison.paired:
        judgements = tuple(_paired(paired) for paired in comparison.paired)
    else:
        before, *after = (None if r.latency is None else r.latency.median_ms for r in comparison.results)
        judgements = tuple(_separate(before, median) for median in after)
    return Metric(key="latency_ms", title="latency", form=units.ms, judgements=judgements, timed=True)


def _paired(paired: PairedLatency) -> Judgement:
    return Judgement(
        before=paired.baseline_ms,
        after=paired.candidate_ms,
        ratio=paired.ratio,
        low=paired.ratio_low,
        high=paired.ratio_high,
        verdict=paired.verdict,
        method=units.plural(paired.pairs, "pair"),
    )


def _separate(before: float | None, after: float | None) -> Judgement:
    both = before is not None and after is not None
    return Judgement(
        before=before,
        after=after,
        ratio=None,
        verdict=NOT_PAIRED if both else "",
        method="separate runs" if both else "",
    )
