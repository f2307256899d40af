"""What a GPU adds to the reports: the run by its other clocks, throttling, cycles, CUDA graphs, energy, memory."""

from __future__ import annotations

import math

from surgeon.profiler.gpu_figures import Gap, GpuLatency, GpuPair
from surgeon.profiler.results import Comparison, Latency, Memory
from surgeon.report import units

Items = tuple[tuple[str, str], ...]


def latency_items(latency: Latency | None) -> Items:
    """The facts under the latency of a profile; none on a CPU."""
    gpu = None if latency is None else latency.gpu
    if gpu is None:
        return ()
    clock = "" if gpu.sm_clock_mhz is None else f", SM clock {gpu.sm_clock_mhz:.0f} MHz"
    items = [
        ("event span", f"{units.ms(gpu.median_span_ms)} median, first to last work on the card{clock}"),
        ("enqueue", f"{units.ms(gpu.median_enqueue_ms)} median of the host"),
    ]
    if gpu.graph is not None:
        graph = gpu.graph
        items.append(("CUDA graph", f"{units.ms(graph.candidate)} median; {_gap(graph)} against the forward"))
    if gpu.energy_mj is not None:
        items.append(("energy", f"{gpu.energy_mj:.0f} mJ a run, idle power included"))
    items.append(("kernel switches", _flags(gpu)))
    return tuple(items)


def busy_notes(latency: Latency | None) -> tuple[str, ...]:
    """What the column of kernel-busy times is; none where it is not there."""
    gpu = None if latency is None else latency.gpu
    if gpu is None or gpu.kernel_busy_ms is None:
        return ()
    return (
        "Busy ms: time in which the card ran at least one of the kernels, copies and memsets that the row launched, "
        f"overlaps counted once; median of {units.plural(gpu.kernel_busy_runs, 'further run')} under PyTorch's "
        "profiler, which may lengthen kernels. Where it is clearly below the row's ms, the row waits: launch-bound. "
        "Rows that overlap add up to more than the total.",
    )


def memory_items(memory: Memory | None) -> Items:
    """The card's memory; none on a CPU."""
    if memory is None or memory.allocated_bytes is None:
        return ()
    process = "not told by the driver" if memory.process_bytes is None else units.mib(memory.process_bytes)
    allocated, reserved = units.mib(memory.allocated_bytes), units.mib(memory.reserved_bytes)
    return (("GPU memory", f"{allocated} allocated, {reserved} reserved, process with its CUDA context {process}"),)


def pair_sentences(label: str, gpu: GpuPair | None) -> list[str]:
    """The same pairs by the other clocks; none on a CPU. What was dropped stands in the pair's reason."""
    if gpu is None:
        return []
    sentences = [f"{label} by event span {_gap(gpu.span)}, by the host's enqueue time {_gap(gpu.enqueue)}."]
    if gpu.cycles is not None:
        cycles = f"{gpu.cycles.baseline:.2f} to {gpu.cycles.candidate:.2f} million SM cycles, {_gap(gpu.cycles)}"
        said = {True: ", which confirms the gap", False: ", which does not confirm the gap", None: ""}[gpu.confirmed]
        sentences.append(f"{label} in cycles: {cycles}{said}.")
    elif gpu.span.verdict in ("slower", "faster"):
        sentences.append(f"{label}: the gap is not confirmed in cycles, since the SM clock was not read often enough.")
    if gpu.graph is not None:
        sentences.append(f"{label} as CUDA graphs: {_gap(gpu.graph)}.")
    if gpu.energy_ratio is not None:
        halves = " and ".join(units.percent(half - 1, signed=True) for half in gpu.energy_halves)
        energy = units.percent(gpu.energy_ratio - 1, signed=True)
        sentences.append(f"{label.replace('latency', 'energy of a run', 1)} {energy} ({halves} in the two halves).")
    return sentences


def comparison_sentences(comparison: Comparison, labels: tuple[str, ...]) -> list[str]:
    """What was seen of each network's runs on a card, and with which switches; none on a CPU."""
    found: dict[str, list[str]] = {}
    for label, result in zip(labels, comparison.results, strict=True):
        if result.latency is not None and result.latency.gpu is not None:
            for note in result.latency.notes:
                if not any(note in paired.reason for paired in comparison.paired):
                    found.setdefault(note, []).append(label)
    sentences = [f"{', '.join(names)}: {note}." for note, names in found.items()]
    first = comparison.results[0].latency
    if first is not None and first.gpu is not None:
        sentences.append(f"Kernel switches: {_flags(first.gpu)}.")
    return sentences


def _gap(gap: Gap) -> str:
    """``+10.0 % [+9.8 %, +10.3 %] slower``."""
    middle, low, high = (units.percent(value - 1, signed=True) for value in (gap.ratio, gap.low, gap.high))
    if gap.low <= 0 or math.isinf(gap.high):
        return f"{middle} (too few pairs for an interval)"
    return f"{middle} [{low}, {high}] {gap.verdict}"


def _flags(gpu: GpuLatency) -> str:
    return ", ".join(f"{name} {'on' if value else 'off'}" for name, value in gpu.flags.items())
