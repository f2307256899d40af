"""What a network needs of memory: measured, and predicted from shapes. Torch-free data."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Memory of one forward pass.

    Attributes:
        peak_activation_bytes: Most bytes alive at once that the forward allocated, None where not measured.
        method: How it was measured, for the reader.
        parameter_bytes: Bytes of parameters and buffers of the deployed (fused, cast) network.
        allocated_bytes: On a GPU, most bytes that PyTorch had given out at once, all that was alive before included.
        reserved_bytes: Most bytes that PyTorch had taken from the driver by then.
        process_bytes: What the driver books on this process, the CUDA context included; None where it does not tell.
        without_scratch_bytes: On a CPU, the same peak without the buffers that a convolution or matrix product takes
            and gives back inside itself (oneDNN's packed weights): what `ActivationMemory.peak_bytes` predicts. None
            where the two cannot be told apart.
    """

    peak_activation_bytes: int | None
    method: str
    parameter_bytes: int
    allocated_bytes: int | None = None
    reserved_bytes: int | None = None
    process_bytes: int | None = None
    without_scratch_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationMemory:
    """What one forward pass allocates, predicted from shapes.

    Attributes:
        peak_bytes: Most bytes alive at once: results that something still refers to, outputs included; the image,
            parameters, buffers, what the network keeps for its next pass (anchors) and what an operator takes for
            itself alone not.
        sum_bytes: Bytes of all results together.
        peak_row: Key of the row in which the peak stands, None where that is in no row.
        row_peaks: Most bytes alive at once while each row runs, by its key, what earlier rows left behind included.
    """

    peak_bytes: int
    sum_bytes: int
    peak_row: str | None
    row_peaks: dict[str, int] = field(default_factory=dict)
