"""What a profile is asked to measure. Torch-free data.

Two results may be compared only when these agree; `ProfileSettings.differences` says where they do not.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from surgeon.profiler.training_figures import Fitting

DEFAULT_BUDGET_S = 10.0
DEFAULT_PRECISION = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileSettings:
    """Settings of one measurement.

    Attributes:
        imgsz: Image size ``(H, W)`` in pixels.
        batch: Batch size B.
        device: ``cpu`` or ``cuda``, ``cuda:0`` …
        dtype: ``float32``, ``float16`` or ``bfloat16``.
        threads: CPU threads of the timed forward (1 to compare; see the latency page).
        latency: Whether time is measured at all.
        row_latency: Whether a fifth of the time budget goes to the time of each row.
        fused: Whether the timed network has its BatchNorm folded, as a deployed YOLO has. Counts are always taken of
            the network as trained (unfused), which is what ``model.info()`` prints.
        min_runs: Timed forwards of a profile, at least; a time budget that was set goes first.
        time_budget_s: Seconds of timing at most, for all models of a comparison together. None: `DEFAULT_BUDGET_S`,
            and as long as `min_runs` take for a profile.
        detail: Whether every convention is counted, unfused and fused, and modules and operators are listed.
        training: Whether the forward and backward pass of a training step are counted.
        cold: Whether a GPU's L2 cache is emptied before every run. Right for a single kernel that will find it cold,
            not for a network, whose layers find there what the one before left.
        cuda_graph: Whether the replay of a CUDA graph of the forward is timed beside it.
        energy: Whether the GPU's energy for one run is measured.
        throughput: Whether images a second are measured over batch sizes.
        roofline: Whether the rows are put under the roof of the device.
        peak_gflops, peak_bandwidth_gbs: That roof in GFLOP/s and GB/s, None where it is to be measured.
        variants: Names of the variants that are timed against eager, in a time budget of their own; see
            `surgeon.profiler.variants.names`.
        fit: Memory that training has to fit into, and how it is trained; None where that is not asked.
        precision: Half-width of the interval of a comparison at which timing may stop, as a fraction (0.005 = 0.5 %).
    """

    imgsz: tuple[int, int] = (640, 640)
    batch: int = 1
    device: str = "cpu"
    dtype: str = "float32"
    threads: int = 1
    latency: bool = True
    row_latency: bool = True
    fused: bool = True
    min_runs: int = 30
    time_budget_s: float | None = None
    precision: float = DEFAULT_PRECISION
    detail: bool = False
    training: bool = False
    throughput: bool = False
    roofline: bool = False
    peak_gflops: float | None = None
    peak_bandwidth_gbs: float | None = None
    cold: bool = False
    cuda_graph: bool = False
    energy: bool = False
    fit: Fitting | None = None
    variants: tuple[str, ...] = ()

    @property
    def budget_s(self) -> float:
        """The time budget in seconds, the default where none was set."""
        return DEFAULT_BUDGET_S if self.time_budget_s is None else self.time_budget_s

    def only_on_cuda(self) -> tuple[str, ...]:
        """What is asked for that only a CUDA device can do, in words."""
        asked = {"cold runs": self.cold, "a CUDA graph": self.cuda_graph, "energy": self.energy}
        return tuple(name for name, wanted in asked.items() if wanted)

    def differences(self, other: ProfileSettings) -> tuple[str, ...]:
        """Names of the settings that must agree for a comparison, and do not."""
        must_agree = ("imgsz", "batch", "device", "dtype", "threads", "fused", "cold")
        names = {f.name for f in fields(self)}
        assert names.issuperset(must_agree)
        return tuple(name for name in must_agree if getattr(self, name) != getattr(other, name))
