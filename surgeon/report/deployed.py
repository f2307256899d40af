"""Deployed networks against each other: file sizes, times of the same random pairs, and what is not known of them."""

from __future__ import annotations

import math

from surgeon.profiler.deployed.figures import DeployedComparison, DeployedModel
from surgeon.profiler.results import PairedLatency
from surgeon.report import units
from surgeon.report.comparison import candidate_labels
from surgeon.report.environment import environment_sentence
from surgeon.report.tables import Column, Document, Notes, Row, Table

_COLUMNS = (
    Column(title="model", shrink_to=12, whole=True),
    Column(title="file", role="number"),
    Column(title="median", role="number"),
    Column(title="ratio", role="number"),
    Column(title="95 % CI", role="number"),
    Column(title="verdict", role="verdict"),
)
_NOT_COUNTED = (
    "Parameters, GFLOPs, memory and rows are not counted of ONNX graphs, so there is no picture of the networks and no "
    "roofline; compare the .pt files for those."
)


def deployed_document(comparison: DeployedComparison) -> Document:
    """The report of deployed networks."""
    models, settings = comparison.models, comparison.settings
    labels = candidate_labels(models)
    threads = units.plural(settings.threads, "thread")
    size = units.image_size(settings.imgsz)
    pairs = (None, *comparison.paired)
    return Document(
        title=f"{labels[0]} -> {', '.join(labels[1:])}",
        lines=(f"{size} px (HxW), batch {settings.batch}, ONNX Runtime, cpu with {threads}, no spinning",),
        parts=(
            Table(
                title="",
                columns=_COLUMNS,
                rows=tuple(map(_row, labels, models, pairs)),
            ),
            Notes(title="notes", sentences=_notes(comparison, labels)),
        ),
    )


def _row(label: str, one: DeployedModel, paired: PairedLatency | None) -> Row:
    median = None if one.latency is None else one.latency.median_ms
    judged = (units.NOTHING,) * 3
    if paired is not None:
        judged = (units.ratio(paired.ratio), _interval(paired), paired.verdict)
    return Row(cells=(label, units.mib(one.file_bytes), units.ms(median), *judged))


def _interval(paired: PairedLatency) -> str:
    if paired.ratio_low <= 0 or math.isinf(paired.ratio_high):
        return "too few"
    return " - ".join(units.ratio(bound).removesuffix("x") for bound in (paired.ratio_low, paired.ratio_high))


def _notes(comparison: DeployedComparison, labels: tuple[str, ...]) -> tuple[str, ...]:
    notes = []
    for label, paired in zip(labels[1:], comparison.paired, strict=True):
        stopped = {"budget": ", stopped by the time budget", "interrupt": ", interrupted"}.get(paired.stopped_by, "")
        notes.append(
            f"{label}: {units.percent(paired.ratio - 1, signed=True)}, {paired.verdict}; "
            f"{units.plural(paired.pairs, 'randomly ordered pair')} in {paired.elapsed_s:.1f} s{stopped}."
        )
        if paired.reason:
            notes.append(f"{label}: {paired.reason.removesuffix('.')}.")
    made = [
        f"{label} ({one.build_s:.1f} s)" for label, one in zip(labels, comparison.models, strict=True) if one.exported
    ]
    if made:
        notes.append(f"Exported here, for this size, as yolo export does it: {', '.join(made)}.")
    notes += [
        _NOT_COUNTED,
        "Latency covers the graph: whatever the export put in, head decoding as a rule; no preprocessing.",
        "Each session was opened once: its place in memory, which the interval does not cover, can make some tenths "
        "of a per cent.",
        environment_sentence(comparison.environment, "onnxruntime"),
    ]
    if comparison.command:
        notes.append(f"Reproduce: {comparison.command}")
    return tuple(note for note in notes if note)
