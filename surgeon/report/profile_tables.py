"""One profile as a document: what was measured under which conditions, totals, layers, environment, notes."""

from __future__ import annotations

from collections.abc import Callable

from surgeon.profiler.figures import Detail
from surgeon.profiler.results import ActivationMemory, Latency, Memory, ProfileResult, Throughput
from surgeon.profiler.settings import ProfileSettings
from surgeon.report import units
from surgeon.report.conventions_tables import (
    conventions_table,
    modules_table,
    operators_table,
    reconciliation_facts,
)
from surgeon.report.environment import environment_items, source_items
from surgeon.report.fused import fused_items
from surgeon.report.gpu import busy_notes, latency_items, memory_items
from surgeon.report.layers_table import layers_table
from surgeon.report.roofline import roofline_parts
from surgeon.report.scratch import SCRATCH
from surgeon.report.slow_rows import slow_rows_notes
from surgeon.report.tables import Document, Facts, Notes, Part, Table
from surgeon.report.training_flops import training_flops
from surgeon.report.training_memory import training_memory_parts
from surgeon.report.units import NOT_MEASURED
from surgeon.report.variants import variants_parts

COUNTED = (
    "counted: convolutions, linear layers, matrix products and attention of the unfused network, "
    "1 MAC = 2 FLOPs; elementwise work apart"
)
LATENCY_SCOPE = "forward with head decoding, without preprocessing and NMS"

_FEWEST_FOR_QUARTILES = 4


def profile_document(result: ProfileResult, *, by: str = "rows") -> Document:
    """The report of one profile.

    Args:
        result: The profile.
        by: What the long table lists: ``rows``, ``modules``, ``operators``, or nothing. The last two need the detail.
    """
    return Document(
        title=title_of(result),
        lines=(settings_line(result.settings), COUNTED),
        parts=(
            Facts(title="totals", items=_totals(result)),
            *_detail(result, by),
            *(() if result.training is None else (training_flops(result.training, result.settings.batch),)),
            *training_memory_parts(result.training_memory),
            *((layers_table(result), slow_rows_notes(result)) if by == "rows" else ()),
            *roofline_parts(result),
            *variants_parts(result),
            Facts(title="environment", items=(*environment_items(result.environment), *source_items(result))),
            Notes(title="notes", sentences=notes_of(result)),
        ),
    )


def title_of(result: ProfileResult) -> str:
    """The network's name, with its source where that is another."""
    return result.name if result.source == result.name else f"{result.name} ({result.source})"


def _detail(result: ProfileResult, by: str) -> tuple[Part, ...]:
    """What is there where every convention was asked for."""
    if result.detail is None:
        return ()
    shown: dict[str, Callable[[Detail], Table]] = {"modules": modules_table, "operators": operators_table}
    return (
        conventions_table(result.detail),
        reconciliation_facts(result.detail.reconciliation),
        *((shown[by](result.detail),) if by in shown else ()),
    )


def settings_line(settings: ProfileSettings) -> str:
    """``640x640 px (HxW), batch 1, float32, cpu x1 thread, fused``."""
    device = settings.device
    if device == "cpu":
        device = f"cpu with {units.plural(settings.threads, 'thread')}"
    device += ", L2 cache emptied before every run" * settings.cold
    timed = ("timed fused" if settings.fused else "timed unfused") if settings.latency else "not timed"
    return f"{units.image_size(settings.imgsz)} px (HxW), batch {settings.batch}, {settings.dtype}, {device}, {timed}"


def _totals(result: ProfileResult) -> tuple[tuple[str, str], ...]:
    """The figures of the whole network."""
    counts = result.counts
    stock = counts.ultralytics_gflops is not None
    counted = " as model.info() counts" if stock else ""
    layers = "" if result.model_layers is None else f", {result.model_layers} layers{counted}"
    items = [
        ("params", f"{units.count(result.params)} ({units.count(result.trainable_params)} trainable{layers})"),
        ("GFLOPs exact", units.gflops(counts.macs)),
    ]
    if counts.executed != counts.macs:
        items.append(("GFLOPs executed", f"{units.gflops(counts.executed)} (what the operators ran)"))
    reported = "what model.info() prints" + (", of one image" if result.settings.batch > 1 else "")
    items += fused_items(result)
    figure = "none: Ultralytics has no figure for this network"
    if counts.ultralytics_gflops is not None:
        figure = f"{units.giga(counts.ultralytics_gflops)} ({reported})"
    items.append(("GFLOPs Ultralytics", figure))
    items += [
        (f"GFLOPs {name}", f"{units.gflops(macs)} (elementwise)") for name, macs in counts.elementwise_macs.items()
    ]
    if result.memory is None:
        items.append(("peak activations", NOT_MEASURED))
    else:
        method = result.memory.method.removeprefix(f"{NOT_MEASURED}: ")
        items.append(("peak activations", f"{units.mib(result.memory.peak_activation_bytes)} ({method})"))
        items += _without_scratch(result.memory)
    if result.activation is not None:
        items.append(("the same predicted", _predicted(result, result.activation)))
        items += _at_planted(result, result.activation)
    if result.memory is not None:
        whose = f"fused network, {result.settings.dtype}" if result.settings.fused else result.settings.dtype
        items.append(("parameter memory", f"{units.mib(result.memory.parameter_bytes)} (with buffers; {whose})"))
    items += memory_items(result.memory)
    items.append(("latency", NOT_MEASURED if result.latency is None else _latency(result.latency)))
    items += latency_items(result.latency)
    if result.deployment is not None:
        items.append((f"on {result.deployment_threads} threads", _latency(result.deployment)))
    if result.throughput is not None:
        items.append(("throughput", _throughput(result.throughput)))
    if result.latency is not None:
        items.append(("latency covers", LATENCY_SCOPE))
    return tuple(items)


def _without_scratch(memory: Memory) -> list[tuple[str, str]]:
    """The peak of what the network holds, where it is not the peak of everything."""
    own = memory.without_scratch_bytes
    if own is None or own == memory.peak_activation_bytes:
        return []
    return [("of them results", f"{units.mib(own)} at most; the rest is scratch: {SCRATCH}")]


def _predicted(result: ProfileResult, found: ActivationMemory) -> str:
    """``18.75 MiB, in backbone.1 (Conv); 63.44 MiB of results in all (from shapes)``."""
    row = next((row for row in result.layers if row.key == found.peak_row), None)
    where = "" if row is None else f", in {row.site} ({row.kind})"
    return f"{units.mib(found.peak_bytes)}{where}; {units.mib(found.sum_bytes)} of results in all (from shapes)"


def _at_planted(result: ProfileResult, found: ActivationMemory) -> list[tuple[str, str]]:
    """What is alive while each planted block runs."""
    planted = [(row, found.row_peaks[row.key]) for row in result.layers if row.planted and row.key in found.row_peaks]
    return [(f"alive in {row.site}", f"{units.mib(size)} at most while {row.kind} runs") for row, size in planted]


def _latency(latency: Latency) -> str:
    """``29.31 ms median; quartiles 28.90 - 29.72, p90 30.10, p99 33.00; 120 runs after 5 warm-ups, first 41.20 ms``."""
    tails = (("p90", latency.p90_ms), ("p99", latency.p99_ms))
    known = [f"{name} {_bare(value)}" for name, value in tails if value is not None]
    quartered = len(latency.samples_ms) >= _FEWEST_FOR_QUARTILES
    quartiles = [f"quartiles {_bare(latency.q1_ms)} - {_bare(latency.q3_ms)}"] * quartered
    spread = "".join(f"; {found}" for found in [", ".join((*quartiles, *known))] if found)
    runs = f"{units.plural(len(latency.samples_ms), 'run')} after {units.plural(latency.warmup_runs, 'warm-up')}"
    return f"{units.ms(latency.median_ms)} median{spread}; {runs}, first run {units.ms(latency.first_ms)}"


def _throughput(found: Throughput) -> str:
    """``batch 1: 34.1, 2: 36.0, 4: 36.2 images/s; batch 4 brought less than 5 % more``."""
    rates = zip(found.batches, found.images_per_s, strict=True)
    listed = ", ".join(f"{batch}: {rate:,.1f}" for batch, rate in rates)
    return f"batch {listed} images/s; {found.stopped_by}" if listed else found.stopped_by


def _bare(value: float) -> str:
    return units.ms(value).removesuffix(" ms")


def notes_of(result: ProfileResult) -> tuple[str, ...]:
    """What the reader must know to trust the figures, and how to get them again."""
    notes = [*(result.latency.notes if result.latency else ()), *busy_notes(result.latency)]
    if result.counts.uncounted:
        operators = units.plural(len(result.counts.uncounted), "operator")
        names = ", ".join(result.counts.uncounted)
        notes.append(f"{operators} ran that no formula covers, the GFLOPs are a lower bound: {names}.")
    if result.counts.misleading:
        notes.append(result.counts.misleading)
    if result.command:
        notes.append(f"Reproduce: {result.command}")
    return tuple(notes)
