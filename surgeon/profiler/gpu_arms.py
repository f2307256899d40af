"""What is timed on a GPU beside the forwards: CUDA graphs as further arms of the blocks, and energy after them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from surgeon.profiler.inputs import Forward
from surgeon.profiler.results import Latency, PairedLatency
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.timing.clock import Clock
from surgeon.profiler.timing.cuda import CudaClock
from surgeon.profiler.timing.cuda_graph import Graphed, graph_refusal
from surgeon.profiler.timing.cuda_witness import gap
from surgeon.profiler.timing.energy import Energy, measure_energy
from surgeon.profiler.timing.launch_bound import launch_bound
from surgeon.profiler.timing.paired import BlockSeries, run_blocks
from surgeon.profiler.timing.runner import Runner
from surgeon.profiler.timing.steady import INTERRUPTED

GRAPH_SHARE = 0.3
"""Part of the time budget of a profile that goes to a CUDA graph, where one is asked for."""


@dataclass(frozen=True, slots=True)
class GraphArms:
    """CUDA graphs of networks, behind the networks in a block.

    Attributes:
        modules: The graphs.
        arm_of: Number of the arm that is a network's graph, by the network's own.
        refused: Why a network has no graph, by its number.
    """

    modules: tuple[Graphed, ...] = ()
    arm_of: dict[int, int] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)

    def of_latency(self, latency: Latency, series: BlockSeries, network: int) -> Latency:
        """Add how long the network's graph takes, or why it has none."""
        if network in self.refused:
            return replace(latency, notes=(*latency.notes, self.refused[network]))
        if network not in self.arm_of or latency.gpu is None:
            return latency
        found = gap(series.samples_ms[network], series.samples_ms[self.arm_of[network]])
        said = launch_bound(latency.gpu.median_enqueue_ms, latency.gpu.median_span_ms, found.ratio)
        notes = (*(note for note in latency.notes if note != latency.gpu.launch_bound), *((said,) if said else ()))
        return replace(latency, gpu=replace(latency.gpu, graph=found, launch_bound=said), notes=notes)

    def of_pair(self, paired: PairedLatency, series: BlockSeries, network: int) -> PairedLatency:
        """Add how the graphs of the network and of the first compare, where both have one."""
        if paired.gpu is None or not {0, network} <= self.arm_of.keys():
            return paired
        base, ours = series.samples_ms[self.arm_of[0]], series.samples_ms[self.arm_of[network]]
        return replace(paired, gpu=replace(paired.gpu, graph=gap(base, ours)))


def capture_graphs(
    runners: Sequence[Runner], settings: ProfileSettings, clock: Clock, forward: Forward | None
) -> GraphArms:
    """Try to capture each network; none where it was not asked for."""
    if not settings.cuda_graph or not isinstance(clock, CudaClock):
        return GraphArms()
    arms = GraphArms()
    for number, runner in enumerate(runners):
        refusal = graph_refusal(runner.module, runner.images, clock.cuda)
        if forward is not None:
            refusal = "no CUDA graph was timed: only a network's own forward is captured"
        if refusal:
            arms.refused[number] = refusal
        else:
            arms.arm_of[number] = len(runners) + len(arms.arm_of)
    return replace(arms, modules=tuple(Graphed(runners[number].module, clock.cuda) for number in arms.arm_of))


def add_to_profile(
    latency: Latency, runner: Runner, settings: ProfileSettings, clock: Clock, forward: Forward | None
) -> Latency:
    """Add a CUDA graph, in blocks with the forward, and the energy of a run, where asked for."""
    if INTERRUPTED in latency.notes:
        return latency
    try:
        graphs = capture_graphs([runner], settings, clock, forward)
        series = BlockSeries([], [])
        if graphs.modules:
            share = replace(settings, time_budget_s=settings.budget_s * GRAPH_SHARE)
            series = run_blocks([runner.module, *graphs.modules], runner.images, share, clock=clock)
    except KeyboardInterrupt:
        return replace(latency, notes=(*latency.notes, INTERRUPTED))
    latency = graphs.of_latency(latency, series, 0)
    return add_energy([latency], (), [runner], settings, clock)[0][0]


def add_energy(
    latencies: Sequence[Latency],
    paired: Sequence[PairedLatency],
    runners: Sequence[Runner],
    settings: ProfileSettings,
    clock: Clock,
) -> tuple[list[Latency], tuple[PairedLatency, ...]]:
    """Add the energy of a run, or why there is none, where it was asked for."""
    if not settings.energy or not isinstance(clock, CudaClock):
        return list(latencies), tuple(paired)
    found = measure_energy([runner.run_ms for runner in runners], clock.sensor, clock.now_s)
    if not isinstance(found, Energy):
        return [replace(one, notes=(*one.notes, found)) for one in latencies], tuple(paired)
    measured = [
        one if one.gpu is None else replace(one, gpu=replace(one.gpu, energy_mj=found.mean_mj(arm)))
        for arm, one in enumerate(latencies)
    ]
    compared = tuple(
        one
        if one.gpu is None
        else replace(
            one,
            gpu=replace(
                one.gpu,
                energy_ratio=found.mean_mj(arm) / found.mean_mj(0),
                energy_halves=found.ratios(arm),
            ),
        )
        for arm, one in enumerate(paired, start=1)
    )
    return measured, compared
