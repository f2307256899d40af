"""What a device reaches at most: data, torch-free."""

from __future__ import annotations

from dataclasses import dataclass

UNRELIABLE_SPREAD = 0.25
"""Interquartile range over median of the runs from which on a peak is measured once more, and not to be relied on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePeak:
    """What a device reaches at most, in one type and with one number of threads.

    Attributes:
        gflops: 10⁹ FLOPs a second, 1 MAC = 2 FLOPs.
        bandwidth_gbs: 10⁹ bytes a second, read and written together.
        gflops_source, bandwidth_source: ``given``, or how it was measured, for the reader.
        gflops_spread, bandwidth_spread: Interquartile range of the measured runs as a fraction of the median, None
            where it was given.
    """

    gflops: float
    bandwidth_gbs: float
    gflops_source: str = "given"
    bandwidth_source: str = "given"
    gflops_spread: float | None = None
    bandwidth_spread: float | None = None

    @property
    def ridge(self) -> float:
        """FLOPs for each byte from which on arithmetic is the bound."""
        return self.gflops / self.bandwidth_gbs
