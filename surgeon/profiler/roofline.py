"""The roofline of a network: how fast each row could run on a device, and what holds it back. Torch-free.

A row does FLOPs and moves bytes. A device computes at most so many FLOPs and moves at most so many bytes in a second;
the longer of both times is what the row takes at best, and says whether memory or arithmetic bounds it.

FLOPs here are what ran: 2 × executed MACs + elementwise FLOPs. Bytes are those of unfused eager operators, each operand
read once and each result written once. A row whose maps stay in the processor's caches moves less and may beat its
bound; one that a compiler fuses does too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from surgeon.profiler.device_peak import DevicePeak
from surgeon.profiler.results import LayerProfile, ProfileResult

Bound = Literal["memory", "compute"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RooflinePoint:
    """One row under the roof.

    Attributes:
        key, index, site, kind: As in `LayerProfile`; the point of the whole network has index -1.
        flops: 2 × executed MACs + elementwise FLOPs.
        moved_bytes: Bytes read and written, in the measured type.
        attainable_gflops: min(peak, intensity × bandwidth) in GFLOP/s; 0 where the row does no FLOPs.
        bound: What holds it back.
        least_ms: Time at best: the longer of computing and moving.
        latency_ms: Measured time, None where not timed.
        planted: Whether surgeon put it there.
    """

    key: str
    index: int
    site: str
    kind: str
    flops: int
    moved_bytes: int
    attainable_gflops: float
    bound: Bound
    least_ms: float
    latency_ms: float | None = None
    planted: bool = False

    @property
    def intensity(self) -> float | None:
        """FLOPs for each byte moved; None where nothing is moved."""
        return self.flops / self.moved_bytes if self.moved_bytes else None

    @property
    def share_of_roof(self) -> float | None:
        """Time at best / measured time, which is measured rate / attainable rate; None where not timed."""
        return self.least_ms / self.latency_ms if self.latency_ms else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Roofline:
    """The rows of a network under the roof of one device.

    Attributes:
        peak: The roof.
        dtype: Type of the network, in which its bytes are counted.
        fused: Whether the rows are those of the fused network.
        points: The rows that do anything.
        total: The whole network. Its time at best is the sum of the rows'.
    """

    peak: DevicePeak
    dtype: str
    fused: bool
    points: tuple[RooflinePoint, ...]
    total: RooflinePoint


def roofline_of(result: ProfileResult, peak: DevicePeak) -> Roofline:
    """The roofline of the network that was (or would be) timed: fused where the settings say so, in their type.

    Args:
        result: A profile. One that was saved before there were deployed figures has no points.
        peak: What its device reaches.
    """
    points = tuple(_point(row, peak) for row in result.layers if row.deployed_flops or row.deployed_bytes)
    timed = None if result.latency is None else result.latency.median_ms
    settings = result.settings
    return Roofline(
        peak=peak, dtype=settings.dtype, fused=settings.fused, points=points, total=_total(points, peak, timed)
    )


def _point(row: LayerProfile, peak: DevicePeak) -> RooflinePoint:
    attainable, bound, least = under_roof(row.deployed_flops, row.deployed_bytes, peak)
    return RooflinePoint(
        key=row.key,
        index=row.index,
        site=row.site,
        kind=row.kind,
        flops=row.deployed_flops,
        moved_bytes=row.deployed_bytes,
        attainable_gflops=attainable,
        bound=bound,
        least_ms=least,
        latency_ms=row.latency_ms,
        planted=row.planted,
    )


def under_roof(flops: int, moved_bytes: int, peak: DevicePeak) -> tuple[float, Bound, float]:
    """Attainable GFLOP/s, what bounds them, and milliseconds at best, of some work.

    Args:
        flops: FLOPs that ran.
        moved_bytes: Bytes read and written.
        peak: What the device reaches.
    """
    computing_ms = flops / peak.gflops / 1e6
    moving_ms = moved_bytes / peak.bandwidth_gbs / 1e6
    bound: Bound = "compute" if flops and computing_ms >= moving_ms else "memory"
    attainable = min(peak.gflops, flops / moved_bytes * peak.bandwidth_gbs) if moved_bytes else peak.gflops
    return (attainable if flops else 0.0), bound, max(computing_ms, moving_ms)


def _total(points: tuple[RooflinePoint, ...], peak: DevicePeak, latency_ms: float | None) -> RooflinePoint:
    """All rows, one after the other."""
    flops, least = sum(one.flops for one in points), math.fsum(one.least_ms for one in points)
    waiting = math.fsum(one.least_ms for one in points if one.bound == "memory")
    return RooflinePoint(
        key="",
        index=-1,
        site="",
        kind="total",
        flops=flops,
        moved_bytes=sum(one.moved_bytes for one in points),
        attainable_gflops=flops / least / 1e6 if least else 0.0,
        bound="memory" if waiting > least / 2 else "compute",
        least_ms=least,
        latency_ms=latency_ms,
    )
