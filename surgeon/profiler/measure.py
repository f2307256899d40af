"""Measuring networks: one, or several against each other. Returns facts, prints nothing, leaves the models as found.

Counts are taken of the network as trained; time and memory of its deployed copy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from torch import nn

from surgeon.errors import MeasurementError
from surgeon.graph.layer import LayerGraph
from surgeon.profiler.assemble import assembled
from surgeon.profiler.bench import Bench
from surgeon.profiler.counting import Counted, count_subject
from surgeon.profiler.device import require_measurable
from surgeon.profiler.device_peak import DevicePeak
from surgeon.profiler.environment import machine_state, read_environment
from surgeon.profiler.fingerprint.notes import noted, noted_together
from surgeon.profiler.inputs import Forward, input_channels
from surgeon.profiler.peaks import peak_of
from surgeon.profiler.predicted import activation_of
from surgeon.profiler.results import Comparison, PairedLatency, ProfileResult
from surgeon.profiler.room import allocations_refused, room_of
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.subject import Prepare, ReportedGflops, Subject
from surgeon.profiler.timing.clock import Clock, clock_for
from surgeon.profiler.training_memory import predict_subject
from surgeon.progress import begin

__all__ = ["Prepare", "ReportedGflops", "Subject", "compare_modules", "measure_subject", "profile_module"]


def profile_module(
    module: nn.Module,
    graph: LayerGraph,
    settings: ProfileSettings,
    *,
    name: str,
    source: str,
    ultralytics_gflops: ReportedGflops | float | None = None,
    prepare: Prepare | None = None,
    source_sha256: str | None = None,
    task: str | None = None,
    command: str | None = None,
    forward: Forward | None = None,
    clock: Clock | None = None,
) -> ProfileResult:
    """Measure one network: parameters, MACs by row, memory, and latency if the settings ask for it.

    Args:
        module: The network as trained; only read.
        graph: Its rows.
        settings: What to measure.
        name: Display name.
        source: Path or YAML name it came from.
        ultralytics_gflops: What the model's own library prints, or ``f(module, imgsz)`` that asks it.
        prepare: Makes the deployed (fused) network of a copy; without it the network is timed unfused, and the
            result's settings say so.
        source_sha256: Hash of the source file.
        task: ``detect`` …
        command: What reproduces the result.
        forward: How to run the network, default ``module(images)``.
        clock: Default the device's.

    Raises:
        MeasurementError: The device is absent, or the network cannot run at this size.
    """
    subject = Subject(
        module=module,
        graph=graph,
        name=name,
        source=source,
        ultralytics_gflops=ultralytics_gflops,
        prepare=prepare,
        source_sha256=source_sha256,
        task=task,
        command=command,
    )
    return measure_subject(subject, settings, forward=forward, clock=clock)


def measure_subject(
    subject: Subject, settings: ProfileSettings, *, forward: Forward | None = None, clock: Clock | None = None
) -> ProfileResult:
    """Measure one network; see `profile_module`."""
    require_measurable(settings)
    settings = _as_prepared(settings, [subject])
    environment = read_environment(settings.device)
    begin(f"counting {subject.name}")
    counted = count_subject(subject, settings, forward)
    fitted = predict_subject(subject, settings, forward)
    environment = replace(environment, before=machine_state(settings.device))
    bench = Bench(settings, clock or clock_for(settings.device, cold=settings.cold), forward)
    lacking = _lacking([subject], [counted], settings)
    with allocations_refused(subject.name, settings):
        timed = bench.not_run(subject, lacking) if lacking else bench.time_one(subject)
    environment = replace(environment, after=machine_state(settings.device))
    result = noted(assembled(subject, settings, environment, counted, timed))
    result = replace(result, training_memory=fitted)
    return replace(result, peak=_peak(settings, begin))


def compare_modules(
    subjects: Sequence[Subject],
    settings: ProfileSettings,
    *,
    forward: Forward | None = None,
    clock: Clock | None = None,
    seed: int = 0,
    renames: Sequence[dict[str, str]] = (),
    command: str | None = None,
    announce: Callable[[str], None] = begin,
) -> Comparison:
    """Measure a baseline and candidates under equal settings, their latency in random pairs in this process.

    Args:
        subjects: Baseline first.
        settings: What to measure; the time budget is shared by all.
        forward: How to run the networks, default ``module(images)``.
        clock: Default the device's.
        seed: Of the order of runs.
        renames: For each candidate the map baseline row key → candidate row key.
        command: What reproduces the comparison.
        announce: Told in a few words what begins, for a progress line.

    Raises:
        MeasurementError: The device is absent, there is nothing to compare, or a network cannot run at this size.
    """
    require_measurable(settings)
    if len(subjects) < 2:
        raise MeasurementError("a comparison needs a baseline and at least one candidate")
    settings = _as_prepared(settings, subjects)
    environment = read_environment(settings.device)
    peak = _peak(settings, announce)  # before what takes long, so that an interrupt here loses nothing
    counted = []
    for subject in subjects:
        announce(f"counting {subject.name}")
        counted.append(count_subject(subject, settings, forward))
    bench = Bench(settings, clock or clock_for(settings.device, cold=settings.cold), forward)
    environment = replace(environment, before=machine_state(settings.device))
    lacking, paired = _lacking(subjects, counted, settings), tuple[PairedLatency, ...]()
    with allocations_refused(" and ".join(subject.name for subject in subjects), settings):
        if lacking:
            timed = [bench.not_run(subject, lacking) for subject in subjects]
        else:
            timed, paired = bench.time_together(subjects, seed=seed, announce=announce)
    environment = replace(environment, after=machine_state(settings.device))
    results = (
        replace(assembled(subject, settings, environment, counts, times), peak=peak)
        for subject, counts, times in zip(subjects, counted, timed, strict=True)
    )
    comparison = Comparison(
        results=tuple(results),
        paired=paired,
        renames=tuple(renames),
        notes=_several(paired),
        seed=seed if paired else None,
        command=command,
    )
    return noted_together(comparison)


def _several(paired: Sequence[PairedLatency]) -> tuple[str, ...]:
    """What several intervals at once mean."""
    if len(paired) < 2:
        return ()
    return (f"Each interval holds for its own candidate at 95 %, not for all {len(paired)} together.",)


def require_room(subject: Subject, settings: ProfileSettings) -> None:
    """Refuse an edit whose comparison cannot be timed in the memory that there is, before the edit.

    Args:
        subject: The network before the edit; the one after it is taken to be as large.
        settings: What will be measured.

    Raises:
        MeasurementError: The memory does not hold both networks and a pass, and latency was asked for.
    """
    if settings.latency:
        counted = count_subject(subject, settings)
        _lacking([subject, subject], [counted, counted], settings)


def _lacking(subjects: Sequence[Subject], counted: Sequence[Counted], settings: ProfileSettings) -> str:
    """Why the networks cannot be run in the memory that there is, empty where they can.

    Raises:
        MeasurementError: They cannot, and they were to be timed.
    """
    peaks = []
    for subject, found in zip(subjects, counted, strict=True):
        held = activation_of(found.deployed or found.model, subject.graph, settings.dtype)
        peaks.append(None if held is None else held.peak_bytes)
    networks = [subject.module for subject in subjects]
    lacking = room_of(networks, peaks, settings, input_channels(networks[0])).lacking(settings)
    if lacking and settings.latency:
        names = " and ".join(dict.fromkeys(subject.name for subject in subjects))
        raise MeasurementError(f"{names}: {lacking}, and --no-latency counts without running")
    return lacking


def _peak(settings: ProfileSettings, announce: Callable[[str], None]) -> DevicePeak | None:
    """The roof, None where nobody asked for it."""
    if not settings.roofline:
        return None
    if settings.peak_gflops is None or settings.peak_bandwidth_gbs is None:
        announce("measuring the peaks of the device")
    return peak_of(settings, gflops=settings.peak_gflops, bandwidth_gbs=settings.peak_bandwidth_gbs)


def _as_prepared(settings: ProfileSettings, subjects: Sequence[Subject]) -> ProfileSettings:
    """Settings that do not claim a fused network where nothing can fuse it."""
    return settings if all(subject.prepare for subject in subjects) else replace(settings, fused=False)
