"""What a measurement found: facts as data, torch-free, never formatted here.

Numbers are kept as counted: MACs are MACs (1 FLOP figure = 2 × MACs, applied once, in ``report``), times are ms,
memory is bytes. Every result can be saved as JSON and rendered again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from surgeon.profiler.device_peak import DevicePeak
from surgeon.profiler.figures import Detail, FusedCounts
from surgeon.profiler.fingerprint.data import Environment
from surgeon.profiler.gpu_figures import GpuLatency, GpuPair
from surgeon.profiler.memory_figures import ActivationMemory, Memory
from surgeon.profiler.paired_figures import PairedLatency
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.training_figures import TrainingMemory
from surgeon.profiler.variants.figures import VariantResult

__all__ = [
    "SCHEMA_VERSION",
    "ActivationMemory",
    "Comparison",
    "Counts",
    "Environment",
    "GpuLatency",
    "GpuPair",
    "Latency",
    "LayerProfile",
    "Memory",
    "PairedLatency",
    "ProfileResult",
    "TrainingCounts",
    "VariantResult",
]

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Multiply-accumulate operations of one forward pass at batch B, unfused.

    Attributes:
        macs: MACs of convolution, linear layers, matrix products and attention by the definition of each block (a
            planted block counts as its paper defines it, whatever kernel it chose), elementwise work excluded.
        executed: MACs of the matmul/conv operators that ran; differs from `macs` where a block runs a leaner or a
            padded form.
        elementwise_macs: Work of a definition that no matmul shows (ACmix's neighbourhood attention), by name.
        ultralytics_gflops: What the installed Ultralytics' own ``model.info()`` reports for this network at this
            image size, in GFLOPs; None for models that are not Ultralytics'.
        uncounted: Operators that ran and that no formula covers, by name, with the module that ran them.
        misleading: Where `ultralytics_gflops` is not what its own rules find at this image size: by how much, in
            which rows and why, as a sentence; else empty.
    """

    macs: int
    executed: int
    elementwise_macs: dict[str, int] = field(default_factory=dict)
    ultralytics_gflops: float | None = None
    misleading: str = ""
    uncounted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingCounts:
    """Multiply-accumulate operations of one training step's forward and backward at batch B, unfused, as executed.

    Attributes:
        forward_macs: MACs of the forward in training mode; a head may run more or less of itself than in inference.
        backward_macs: MACs of the backward: the sum of the next two.
        input_gradient_macs: Those of the gradients of maps and tokens, whatever depends on the image.
        weight_gradient_macs: Those of the gradients of parameters, and of what is computed from parameters alone.
        trained_params: Parameters that require a gradient; the others are frozen.
        note: What is included and what is not, as a sentence.
        uncounted: Operators that ran and that no formula covers, by name, with the module whose forward made them.
    """

    forward_macs: int
    backward_macs: int
    input_gradient_macs: int
    weight_gradient_macs: int
    trained_params: int
    note: str
    uncounted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Times of repeated forward passes, steady state.

    Covers the network with head decoding; not image preprocessing, not non-maximum suppression.

    Attributes:
        samples_ms: Every timed run, in order.
        warmup_runs: Runs before them that were not counted.
        first_ms: The first, cold run.
        median_ms, q1_ms, q3_ms, p90_ms, p99_ms: Order statistics of the samples; None for a quantile that so few runs
            do not support (the p90 needs 10, the p99 100).
        notes: What disturbed the measurement, in sentences.
        gpu: The same runs by a GPU's clocks, None on a CPU.
    """

    samples_ms: tuple[float, ...]
    warmup_runs: int
    first_ms: float
    median_ms: float
    q1_ms: float
    q3_ms: float
    p90_ms: float | None
    p99_ms: float | None
    notes: tuple[str, ...] = ()
    gpu: GpuLatency | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """Images a second by batch size, from each batch's median time.

    Attributes:
        batches: Batch sizes in the order in which they were timed.
        images_per_s: For each of them.
        stopped_by: Why no larger batch was timed.
    """

    batches: tuple[int, ...]
    images_per_s: tuple[float, ...]
    stopped_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerProfile:
    """One row of the per-layer table.

    Attributes:
        key: Stable key of the row (`surgeon.graph.Layer.key`).
        index: Absolute row number.
        site: ``backbone.9``.
        kind: ``SPPF``, ``GAM``.
        inputs: Absolute indices of the rows it reads, -1 for the image.
        out_shape: Output ``(B, C, H, W)``, None where it is no single tensor.
        params: Parameters.
        macs, executed: As in `Counts`, elementwise included in neither.
        elementwise_macs: Elementwise work of the definition.
        elementwise_flops: FLOPs of the operators that have no MACs (normalisation, activation, pooling, resampling,
            pointwise), by the conventions of `surgeon.profiler.flops.elementwise`; not in `macs` or `executed`.
        read_bytes, written_bytes: Bytes that the row's operators moved in float32, each operand read once and each
            result written once, nothing kept in a cache between operators.
        deployed_flops, deployed_bytes: What the row does as it is timed (fused where the settings say so, in their
            type): 2 × executed MACs + elementwise FLOPs, and bytes read and written.
        deployed_operators: Calls of operators that it then makes, views excluded.
        deployed_layout_bytes: Part of `deployed_bytes` that copies into another layout move.
        trainable_params: Parameters that require a gradient; ``params - trainable_params`` are frozen.
        subnormal_weights: Weights and buffer values of the deployed row that are subnormal numbers, which a CPU
            computes with slowly unless it flushes them to zero; 0 where nothing was timed.
        latency_ms: Mean share of this row × the end-to-end median; None where not timed.
        latency_plus_minus_ms: Half-width of that figure's 95 % interval, None where unknown.
        kernel_busy_ms: Median time in which at least one of the kernels, copies and memsets that the row launches runs
            on a GPU, from runs under the profiler; below `latency_ms` the row waits. None where not recorded.
        planted: Whether surgeon put it there.
        grafts: Names of the blocks that surgeon planted inside it.
    """

    key: str
    index: int
    site: str
    kind: str
    inputs: tuple[int, ...]
    out_shape: tuple[int, ...] | None
    params: int
    macs: int
    executed: int
    elementwise_macs: int = 0
    elementwise_flops: int = 0
    read_bytes: int = 0
    written_bytes: int = 0
    deployed_flops: int = 0
    deployed_bytes: int = 0
    deployed_operators: int = 0
    deployed_layout_bytes: int = 0
    trainable_params: int = 0
    subnormal_weights: int = 0
    latency_ms: float | None = None
    latency_plus_minus_ms: float | None = None
    kernel_busy_ms: float | None = None
    planted: bool = False
    grafts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileResult:
    """Everything measured of one model.

    Attributes:
        name: Display name (``yolov8n``).
        source: Path or YAML name that the model came from.
        source_sha256: Hash of that file, None for a live module.
        task: ``detect``, ``segment`` …, None where unknown.
        params, trainable_params: Number of parameters.
        model_layers: Leaf modules, as ``model.info()`` counts them; None where unknown.
        activation: Predicted activation memory of what `memory` is measured of, None where it was not predicted.
        peak: What the device reaches at most, for the roofline; None where it was not asked for.
        unattributed_ms: End-to-end median minus the rows' sum; None where rows were not timed.
        yaml_sha256: Hash of the ``model.yaml`` that the network is built from, None where it has none.
        layout: Memory layout of the timed weights: ``contiguous``, ``channels_last`` or ``mixed``.
        command: What reproduces it on a command line.
        deployment: The latency with the CPU threads of a deployment, None where it was not timed.
        deployment_threads: How many those are.
        throughput: Images a second over batch sizes, if asked for.
        detail: Every convention, modules and operators, if asked for.
        training: What a training step costs, if asked for.
        training_memory: What training needs of memory, if a budget was given.
        variants: Other ways to run it against eager, eager first, if asked for.
        recipe: The edits that made the network, as ``surgeon recipe`` writes them; None where it records none.
        fused: Counts of the fused network, None where none was made or it could not be counted.
    """

    name: str
    source: str
    settings: ProfileSettings
    environment: Environment
    params: int
    trainable_params: int
    counts: Counts
    layers: tuple[LayerProfile, ...]
    latency: Latency | None = None
    memory: Memory | None = None
    activation: ActivationMemory | None = None
    peak: DevicePeak | None = None
    source_sha256: str | None = None
    yaml_sha256: str | None = None
    layout: str | None = None
    task: str | None = None
    model_layers: int | None = None
    unattributed_ms: float | None = None
    command: str | None = None
    deployment: Latency | None = None
    deployment_threads: int | None = None
    throughput: Throughput | None = None
    detail: Detail | None = None
    training: TrainingCounts | None = None
    training_memory: TrainingMemory | None = None
    variants: tuple[VariantResult, ...] = ()
    recipe: str | None = None
    fused: FusedCounts | None = None
    schema_version: int = SCHEMA_VERSION

    @property
    def interrupted(self) -> bool:
        """Whether timing was cut short by the user."""
        notes = (*(one.missing for one in self.variants), *(self.latency.notes if self.latency else ()))
        stopped = any(one.paired is not None and one.paired.stopped_by == "interrupt" for one in self.variants)
        return stopped or any("interrupted" in note for note in notes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A baseline and one or more candidates, measured under equal settings.

    Attributes:
        results: Baseline first.
        paired: One `PairedLatency` a candidate (``results[1:]``), empty where latency was not compared.
        renames: For each candidate the map baseline row key → candidate row key, where an edit record knows it;
            empty where unknown.
        notes: Sentences that belong under the table.
        seed: Of the order of the runs, None where latency was not compared.
        command: What reproduces it on a command line.
    """

    results: tuple[ProfileResult, ...]
    paired: tuple[PairedLatency, ...] = ()
    renames: tuple[dict[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    seed: int | None = None
    command: str | None = None
    schema_version: int = SCHEMA_VERSION

    @property
    def interrupted(self) -> bool:
        """Whether timing was cut short by the user."""
        cut_short = any(paired.stopped_by == "interrupt" for paired in self.paired)
        return cut_short or any(result.interrupted for result in self.results)
