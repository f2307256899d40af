"""Rows that take far more of the time than of the FLOPs, and what in the counts explains it. Torch-free.

An explanation is given only where the figures show it; the others are listed without one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from surgeon.profiler.results import LayerProfile, ProfileResult
from surgeon.profiler.roofline import under_roof

LEAST_TIME = 0.03
"""Part of the rows' time below which a row is not worth a sentence."""

EXCESS = 2.0
"""How many times its share of the FLOPs a row's share of the time must be, the low end of its interval included."""

SHORT_MS = 0.01
"""Mean time of an operator below which its call matters more than what it does: eager PyTorch takes 1 to 5 µs for a
call on one pixel (relu 1.2, convolution 3.6, mean 5.0 on one core of an EPYC), the module around it as much again."""

LAYOUT_SHARE = 0.25
"""Part of a row's bytes that copies into another layout move, from which they are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowRow:
    """A row with few FLOPs and much time.

    Attributes:
        row: The row.
        time_share: Its part of the rows' time.
        flops_share: Its part of the network's MACs.
        reasons: What explains it, in words; empty where the counts do not.
    """

    row: LayerProfile
    time_share: float
    flops_share: float
    reasons: tuple[str, ...]


def slow_rows(result: ProfileResult) -> tuple[SlowRow, ...]:
    """The rows that take at least twice their share of the FLOPs, the slowest first; none where rows were not timed.

    Args:
        result: A profile.
    """
    whole_ms = math.fsum(row.latency_ms or 0.0 for row in result.layers)
    if not whole_ms or not result.counts.macs:
        return ()
    found = []
    for row in result.layers:
        ms, spread = row.latency_ms or 0.0, row.latency_plus_minus_ms or 0.0
        low = (ms - spread) / whole_ms if math.isfinite(spread) else 0.0
        flops = row.macs / result.counts.macs
        if ms / whole_ms >= LEAST_TIME and low >= EXCESS * flops:
            reasons = tuple(filter(None, (_calls(row, result), _memory(row, result), _layout(row))))
            found.append(SlowRow(row=row, time_share=ms / whole_ms, flops_share=flops, reasons=reasons))
    return tuple(sorted(found, key=lambda one: -one.time_share))


def _calls(row: LayerProfile, result: ProfileResult) -> str:
    """Launch-bound on a GPU, overhead-bound on a CPU.

    On a GPU by how long the card works for the row, or, where that was not recorded, if the whole network is; on a CPU
    where its operators are short.
    """
    if not row.deployed_operators or not row.latency_ms:
        return ""
    each_us = 1000 * row.latency_ms / row.deployed_operators
    listed = f"{row.deployed_operators} operators of {each_us:.0f} us on average"
    if row.kernel_busy_ms is not None:
        waits = row.kernel_busy_ms * EXCESS < row.latency_ms
        worked = f"kernels run in {row.kernel_busy_ms:.2f} of its {row.latency_ms:.2f} ms"
        return f"launch-bound ({worked}; {listed})" if waits else ""
    if result.latency is not None and result.latency.gpu is not None:
        return f"launch-bound ({listed})" if result.latency.gpu.launch_bound else ""
    return f"overhead-bound ({listed}, about what calling them costs)" if each_us < 1000 * SHORT_MS else ""


def _memory(row: LayerProfile, result: ProfileResult) -> str:
    """Memory-bound: by the roof where one was measured, else by its arithmetic intensity and its share of the bytes."""
    if not row.deployed_bytes:
        return ""
    intensity = row.deployed_flops / row.deployed_bytes
    if result.peak is not None:
        _, bound, _ = under_roof(row.deployed_flops, row.deployed_bytes, result.peak)
        return f"memory-bound ({intensity:.1f} FLOP/B, ridge {result.peak.ridge:.1f})" if bound == "memory" else ""
    moved = sum(one.deployed_bytes for one in result.layers)
    network = sum(one.deployed_flops for one in result.layers) / moved
    share = row.deployed_bytes / moved
    if intensity > network / EXCESS or share < EXCESS * row.macs / result.counts.macs:
        return ""
    return (
        f"probably memory-bound ({intensity:.1f} FLOP/B, the network {network:.1f}; {100 * share:.0f} % of the bytes; "
        "--roofline measures the machine's ridge)"
    )


def _layout(row: LayerProfile) -> str:
    """Copies into another layout, where they are much of what the row moves."""
    share = row.deployed_layout_bytes / row.deployed_bytes if row.deployed_bytes else 0.0
    if share < LAYOUT_SHARE:
        return ""
    return f"layout change ({100 * share:.0f} % of its bytes are copies into another layout)"
