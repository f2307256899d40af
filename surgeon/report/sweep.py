"""Several image sizes and batches of one network as one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from surgeon.profiler.fingerprint.hazards import hazards
from surgeon.profiler.results import ProfileResult
from surgeon.report import units
from surgeon.report.profile_tables import COUNTED, notes_of, settings_line, title_of
from surgeon.report.tables import Column, Document, Notes, Row, Table

_COLUMNS = (
    Column(title="HxW"),
    Column(title="batch", role="number"),
    Column(title="GFLOPs", role="number"),
    Column(title="Ultralytics", role="number"),
    Column(title="moved", role="number", drop=2),
    Column(title="peak", role="number", drop=1),
    Column(title="median", role="number"),
    Column(title="images/s", role="number"),
)


def sweep_document(results: Sequence[ProfileResult]) -> Document:
    """The report of one network at several sizes.

    Args:
        results: At least one; all of the same network.
    """
    first = results[0]
    conditions = settings_line(first.settings).partition(", batch ")
    return Document(
        title=f"{title_of(first)} at {units.plural(len(results), 'setting')}",
        lines=(conditions[2].partition(", ")[2], COUNTED, _units(results)),
        parts=(
            Table(title="sweep", columns=_COLUMNS, rows=tuple(_row(one) for one in results)),
            Notes(title="notes", sentences=_notes(results)),
        ),
    )


def _notes(results: Sequence[ProfileResult]) -> tuple[str, ...]:
    """The notes of all: once where every size has it, else with its size; the command last.

    What disturbed the machine is said of the whole time, not once a size.
    """
    first, last = results[0].environment, results[-1].environment
    of_one = {note for one in results for note in hazards(one.environment, one.settings)}
    timed = any(one.latency is not None for one in results)
    of_all = hazards(replace(first, after=last.after), results[0].settings) if timed else ()
    commands = dict.fromkeys(_reproduce(one) for one in results if one.command)
    own = [[note for note in notes_of(one) if note not in of_one and note not in commands] for one in results]
    named = []
    for label, notes in zip(_labels(results), own, strict=True):
        named += [note if all(note in others for others in own) else f"{label}: {note}" for note in notes]
    return tuple(dict.fromkeys((*of_all, *named, *commands)))


def _reproduce(result: ProfileResult) -> str:
    return f"Reproduce: {result.command}"


def _labels(results: Sequence[ProfileResult]) -> list[str]:
    """``640x640``, with the batch where there are several."""
    several = len({one.settings.batch for one in results}) > 1
    sizes = (units.image_size(one.settings.imgsz) for one in results)
    return [
        f"{size}, batch {one.settings.batch}" if several else size for size, one in zip(sizes, results, strict=True)
    ]


def _units(results: Sequence[ProfileResult]) -> str:
    params = units.count(results[0].params)
    return (
        f"params {params}; GFLOPs: exact, of the whole batch; Ultralytics: what model.info() prints, of one image; "
        "moved: bytes read and written in float32; peak: activations, measured; median: of a batch"
    )


def _row(result: ProfileResult) -> Row:
    settings, latency = result.settings, result.latency
    moved = sum(row.read_bytes + row.written_bytes for row in result.layers)
    median = None if latency is None else latency.median_ms
    return Row(
        cells=(
            units.image_size(settings.imgsz),
            units.count(settings.batch),
            units.gflops(result.counts.macs),
            units.NOTHING if result.counts.ultralytics_gflops is None else units.giga(result.counts.ultralytics_gflops),
            units.mib(moved),
            units.NOTHING if result.memory is None else units.mib(result.memory.peak_activation_bytes),
            units.NOTHING if median is None else units.ms(median),
            units.NOTHING if not median else f"{settings.batch / median * 1000:,.1f}",
        )
    )
