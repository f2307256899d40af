"""What was found of one variant. Torch-free data."""

from __future__ import annotations

from dataclasses import dataclass

from surgeon.profiler.paired_figures import PairedLatency


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantResult:
    """One way to run the network, against eager.

    Attributes:
        name: A name of `surgeon.profiler.variants.names.VARIANTS`.
        missing: Why it was not built or not timed, as a sentence; else empty.
        precision: In what it computes.
        build_s: Seconds that building it took, its first run included; None of eager and of what is missing.
        difference: Largest absolute difference to eager's outputs, infinite where only one of the two is finite;
            None where there is nothing to compare.
        relative: The same relative to the largest value of the output it is in, the worst over the outputs.
        tolerance: Relative difference up to which this precision passes as the same network.
        same_network: Whether the outputs agree within that; None where not compared.
        note: What else must be known of the comparison of outputs.
        built_once: Whether all epochs ran one object; else each had a copy at other memory addresses.
        median_ms: Median time, None where not timed.
        paired: Its times against eager's, None of eager itself.
    """

    name: str
    missing: str = ""
    precision: str = ""
    build_s: float | None = None
    difference: float | None = None
    relative: float | None = None
    tolerance: float | None = None
    same_network: bool | None = None
    note: str = ""
    built_once: bool = False
    median_ms: float | None = None
    paired: PairedLatency | None = None
