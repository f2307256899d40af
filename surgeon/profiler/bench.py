"""Timing of deployed networks: memory, steady or paired latency, rows. The middle part of `measure`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch

from surgeon.errors import MeasurementError
from surgeon.profiler.fingerprint.cpu import usable_cpus
from surgeon.profiler.gpu_arms import GRAPH_SHARE, add_energy, add_to_profile, capture_graphs
from surgeon.profiler.inputs import Forward, example_images
from surgeon.profiler.kernel_busy import kernel_busy
from surgeon.profiler.memory import measure_memory, parameter_bytes_of
from surgeon.profiler.results import Latency, Memory, PairedLatency, Throughput
from surgeon.profiler.room import is_refusal
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.subject import Subject, deployed, layout_of
from surgeon.profiler.timing.clock import Clock
from surgeon.profiler.timing.cuda import CudaClock
from surgeon.profiler.timing.denormals import subnormals_by_row
from surgeon.profiler.timing.modules import time_modules
from surgeon.profiler.timing.paired import judge, run_blocks
from surgeon.profiler.timing.quiet import quiet
from surgeon.profiler.timing.rows import RowShare, RowTiming, distribute, missing_rows, time_rows
from surgeon.profiler.timing.runner import Runner
from surgeon.profiler.timing.steady import FEWEST_RUNS, INTERRUPTED, noise_notes, summarise, time_steady
from surgeon.profiler.timing.throughput import throughput
from surgeon.profiler.trace.busy import Busy
from surgeon.profiler.variants.figures import VariantResult
from surgeon.profiler.variants.table import variants_of
from surgeon.profiler.variants.timing import time_variants
from surgeon.progress import begin

ROWS_SHARE = 0.2
"""Part of the time budget that goes to the per-row table."""

DEPLOYMENT_SHARE = 0.2
"""Part of the time budget that the row with a deployment's threads takes beside it."""

BATCH_SHARE = 0.2
"""Part of the time budget for each batch size of the throughput."""


@dataclass(frozen=True, slots=True)
class Timed:
    """What running a deployed network found; latency and rows are None where they were not timed.

    Attributes:
        subnormals: Subnormal weights by the path of the row, of a network that is timed on a CPU.
        layout: Memory layout of its weights.
        busy: How long a GPU worked for each row; None where that was not recorded.
    """

    memory: Memory
    latency: Latency | None = None
    rows: RowTiming | None = None
    subnormals: dict[str, int] = field(default_factory=dict)
    layout: str | None = None
    deployment: Latency | None = None
    deployment_threads: int | None = None
    throughput: Throughput | None = None
    modules_ms: Mapping[str, float] | None = None
    variants: tuple[VariantResult, ...] = ()
    busy: Busy | None = None


@dataclass(frozen=True, slots=True)
class Bench:
    """How networks are run and timed.

    Attributes:
        settings: What to measure.
        clock: What times it.
        forward: How to run a network, default ``module(images)``.
    """

    settings: ProfileSettings
    clock: Clock
    forward: Forward | None = None

    @property
    def _rows_share(self) -> float:
        return ROWS_SHARE if self.settings.row_latency else 0.0

    def time_one(self, subject: Subject) -> Timed:
        """Memory, latency and rows of one network."""
        settings = self.settings
        if settings.variants and self.forward is not None:
            raise MeasurementError("variants are timed of a network's own forward only, and another was given")
        second = DEPLOYMENT_SHARE if self._deployment_threads() else 0
        second += GRAPH_SHARE * settings.cuda_graph
        runner = self._runners([subject])[0]
        with quiet(settings.threads):
            untimed = self._untimed(runner, subject)
            if not settings.latency:
                return untimed
            begin(f"timing {subject.name}")
            latency = time_steady(
                runner.run_ms,
                self.clock,
                min_runs=settings.min_runs,
                budget_s=settings.budget_s * (1 - self._rows_share - second),
                fewest_runs=settings.min_runs if settings.time_budget_s is None else FEWEST_RUNS,
                precision=settings.precision,
            )
            latency = add_to_profile(latency, runner, settings, self.clock, self.forward)
            begin("timing rows")
            timed = self._with_rows([replace(untimed, latency=latency)], [runner], [subject])[0]
            timed = self._with_kernels(timed, runner, subject)
        if INTERRUPTED in latency.notes:
            return timed
        timed = self._as_deployed(timed, runner)
        if not self.settings.variants:
            return timed
        cuda = getattr(self.clock, "cuda", torch.cuda)
        variants = variants_of(self.settings.variants, subject.write_onnx, cuda)
        found = time_variants(variants, runner.module, runner.images, self.settings, self.clock)
        return replace(timed, variants=found)

    def _as_deployed(self, timed: Timed, runner: Runner) -> Timed:
        """Add what one thread and one batch do not tell: the threads of a deployment, and throughput."""
        if threads := self._deployment_threads():
            begin(f"timing with {threads} threads")
            with quiet(threads):
                latency = self._time(runner, DEPLOYMENT_SHARE, fewest_runs=1, hasty=True)
            timed = replace(timed, deployment=latency, deployment_threads=threads)
        if self.settings.detail and timed.latency is not None:
            begin("timing modules")
            with quiet(self.settings.threads):
                budget_s, median_ms = self.settings.budget_s * ROWS_SHARE, timed.latency.median_ms
                found_ms = time_modules(runner, self.clock, budget_s=budget_s, end_to_end_ms=median_ms)
            timed = replace(timed, modules_ms=found_ms)
        if not self.settings.throughput:
            return timed
        end_s = self.clock.now_s() + self.settings.budget_s

        def time_batch(batch: int) -> Latency:
            begin(f"timing batches of {batch}")
            images = example_images(runner.module, replace(self.settings, batch=batch))
            return self._time(Runner(runner.module, images, self.clock, self.forward), BATCH_SHARE)

        with quiet(self.settings.threads):
            found = throughput(time_batch, left_s=lambda: end_s - self.clock.now_s())
        return replace(timed, throughput=found)

    def _deployment_threads(self) -> int:
        """Every CPU of this process, 0 where that is what is timed anyway, or the CPU is not."""
        threads = usable_cpus()
        return threads if self.settings.device == "cpu" and threads != self.settings.threads else 0

    def _time(self, runner: Runner, share: float, *, fewest_runs: int = FEWEST_RUNS, hasty: bool = False) -> Latency:
        """A few runs, for a second row; threads that compete with other load may make each many times as long."""
        return time_steady(
            runner.run_ms,
            self.clock,
            min_runs=FEWEST_RUNS,
            budget_s=self.settings.budget_s * share,
            precision=self.settings.precision,
            fewest_runs=fewest_runs,
            hasty=hasty,
        )

    def time_together(
        self, subjects: Sequence[Subject], *, seed: int, announce: Callable[[str], None]
    ) -> tuple[list[Timed], tuple[PairedLatency, ...]]:
        """Memory of each network, then all in random pairs, then the rows of each."""
        runners = self._runners(subjects)
        with quiet(self.settings.threads):
            timed = [self._untimed(r, s) for r, s in zip(runners, subjects, strict=True)]
        if not self.settings.latency:
            return timed, ()
        announce(f"timing {len(subjects)} networks in random order")
        graphs = capture_graphs(runners, self.settings, self.clock, self.forward)
        series = run_blocks(
            [*(runner.module for runner in runners), *graphs.modules],
            runners[0].images,
            replace(self.settings, time_budget_s=self.settings.budget_s * (1 - self._rows_share)),
            forward=self.forward,
            clock=self.clock,
            seed=seed,
        )
        for arm, one in enumerate(timed):
            samples, warm = series.samples_ms[arm], series.warm_ms[arm]
            latency = summarise(samples, warm, noise_notes(samples, series.seen.sentences()))
            latency = graphs.of_latency(series.witness.of_latency(latency, arm), series, arm)
            timed[arm] = replace(one, latency=latency)
        judged = (judge(series, arm, self.settings.precision) for arm in range(1, len(subjects)))
        paired = tuple(graphs.of_pair(one, series, arm) for arm, one in enumerate(judged, start=1))
        if series.stopped_by == "interrupt":
            return timed, paired
        announce("timing rows")
        with quiet(self.settings.threads):
            timed = self._with_rows(timed, runners, subjects)
            latencies, paired = add_energy(
                [one.latency for one in timed if one.latency], paired, runners, self.settings, self.clock
            )
        return [replace(one, latency=latency) for one, latency in zip(timed, latencies, strict=True)], paired

    def not_run(self, subject: Subject, why: str) -> Timed:
        """What is known of a network that is not run, for the reason given."""
        network = deployed(subject, self.settings)
        memory = Memory(
            peak_activation_bytes=None, method=f"not measured: {why}", parameter_bytes=parameter_bytes_of(network)
        )
        return Timed(memory, layout=layout_of(network))

    def _runners(self, subjects: Sequence[Subject]) -> list[Runner]:
        """Deployed copies of the networks, all on the same images."""
        images = example_images(subjects[0].module, self.settings)
        return [Runner(deployed(subject, self.settings), images, self.clock, self.forward) for subject in subjects]

    def _untimed(self, runner: Runner, subject: Subject) -> Timed:
        """What is known of a network before it is timed."""
        slow = self.settings.latency and self.settings.device == "cpu"
        rows = [layer.path for layer in subject.graph]
        return Timed(
            self._memory(runner, subject),
            subnormals=subnormals_by_row(runner.module, rows) if slow else {},
            layout=layout_of(runner.module),
        )

    def _memory(self, runner: Runner, subject: Subject) -> Memory:
        settings = self.settings
        try:
            return measure_memory(runner, settings.device)
        except RuntimeError as error:
            if is_refusal(error):
                raise
            raise MeasurementError(
                f"{subject.name} cannot run on {settings.device} in {settings.dtype} "
                f"at {settings.imgsz[0]}x{settings.imgsz[1]}: {error}"
            ) from error

    def _with_rows(self, timed: Sequence[Timed], runners: Sequence[Runner], subjects: Sequence[Subject]) -> list[Timed]:
        """Add the per-row tables, unless timing was interrupted or deploying folded rows away."""
        if not self.settings.row_latency:
            return list(timed)
        paths = [[layer.path for layer in subject.graph] for subject in subjects]
        missing = [missing_rows(r.module, p) for r, p in zip(runners, paths, strict=True)]
        if any(missing):
            names = ", ".join(path for found in missing for path in found)
            return [_noted(one, f"rows were not timed: the deployed network has no {names}") for one in timed]
        if any(INTERRUPTED in one.latency.notes for one in timed if one.latency is not None):
            return list(timed)
        try:
            budget_s = self.settings.budget_s * ROWS_SHARE
            shares = time_rows(runners, paths, self.clock, budget_s=budget_s)
        except KeyboardInterrupt:
            return [_noted(one, f"rows were not timed: {INTERRUPTED}") for one in timed]
        return [_distributed(one, found) for one, found in zip(timed, shares, strict=True)]

    def _with_kernels(self, timed: Timed, runner: Runner, subject: Subject) -> Timed:
        """Add how long a GPU worked for each row that was timed, or why that is not known."""
        if timed.rows is None or not isinstance(self.clock, CudaClock):
            return timed
        begin("recording kernels")
        try:
            found = kernel_busy(runner, subject.graph, self.clock)
        except KeyboardInterrupt:
            found = INTERRUPTED
        if isinstance(found, str):
            return _noted(timed, f"kernel-busy times were not taken: {found}")
        return replace(timed, busy=found)


def _distributed(timed: Timed, shares: Mapping[str, RowShare]) -> Timed:
    """Spread a network's median over its rows."""
    assert timed.latency is not None, "rows are shares of a latency"
    return replace(timed, rows=distribute(shares, timed.latency.median_ms))


def _noted(timed: Timed, *notes: str) -> Timed:
    assert timed.latency is not None, "notes belong to a latency"
    return replace(timed, latency=replace(timed.latency, notes=(*timed.latency.notes, *notes)))
